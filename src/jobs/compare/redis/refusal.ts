import type { RedisError } from '../../../targets/redis/connection.ts';

const moving = '; slots are moving between the nodes: compare again';

/** What the server said, and what may be done about it where that is known. */
export function describeRefusal({ code, message }: RedisError): string {
  const remedies: Readonly<Record<string, string>> = {
    NOPERM: '; the user watchkeeper_compare of deploy/redis/acl.txt has the rights',
    MOVED: moving,
    ASK: moving,
    TRYAGAIN: moving,
    CLUSTERDOWN: '; the cluster answers again when all slots have a master, or with cluster-require-full-coverage no',
  };
  return `${message}${remedies[code] ?? ''}`;
}
