import { mapLimit } from '../../core/map-limit.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { SqsApi } from '../../targets/sqs/api.ts';
import { AwsBackground, type AwsSurroundings } from '../cloudwatch/background.ts';
import { lookAtEach } from '../cloudwatch/look-at-each.ts';
import { chooseNames, TagFilter } from '../cloudwatch/selection.ts';
import type { Subject } from '../cloudwatch/service.ts';
import { subjectsOfLook } from '../cloudwatch/subjects-of.ts';
import type { AwsLooks } from '../cloudwatch/watch.ts';
import type { Look } from '../refreshed.ts';
import { sqsService } from './cloudwatch.ts';
import { parseRedrivePolicy } from './redrive.ts';
import type { Queue, Queues, SqsSource } from './source.ts';
import type { WatchedSqs } from './watch.ts';

const tagsAtOnce = 8;

/** Looks at SQS and CloudWatch beside the scrapes, which only read what was found. */
export class SqsLooks implements AwsLooks<SqsSource> {
  readonly source: SqsSource;
  readonly background: AwsBackground<SqsApi>;
  readonly #target: WatchedSqs;
  readonly #tags: TagFilter;

  constructor(
    target: WatchedSqs,
    /** Names of the families that are switched on. */
    families: ReadonlySet<string>,
    given: AwsSurroundings,
  ) {
    const { watch } = target;
    this.#target = target;
    this.background = new AwsBackground(target, given, (access, calls) => new SqsApi(access, calls));
    this.#tags = new TagFilter(
      (url, signal) => this.background.api.tags(url, signal),
      this.background.pace,
      target.queues.tags,
    );
    const queues = this.background.every<Queues>(watch.refresh, {
      what: 'the queues',
      look: (previous, context) => this.#lookAtQueues(previous, context),
    });
    this.source = {
      queues,
      ...this.background.watchCloudwatch(sqsService, families, (signal) => subjectsOfLook(queues, signal, subjectsOf)),
      settings: watch,
    };
  }

  /** Those that are chosen, and where their messages go that cannot be processed: what is there has to be seen. */
  async #lookAtQueues(previous: Queues | undefined, context: WorkContext): Promise<Look<Queues>> {
    const { queues: selection } = this.#target;
    const urls = new Map((await this.background.api.queueUrls(context.signal)).map((url) => [nameOf(url), url]));
    const chosen = await this.#withTags(chooseNames([...urls.keys()], selection), urls, context);
    const look = (names: readonly string[]) =>
      lookAtEach(names, previous?.described, async (name) => this.#describe(name, urls.get(name), context.signal));
    const own = await look(chosen.slice(0, selection.limit));
    const targets = [...own.value.values()].flatMap(({ redrive }) => redrive?.deadLetterQueue ?? []);
    const others = [...new Set(targets)].filter((name) => !own.value.has(name) && !selection.exclude.includes(name));
    const deadLetters = await look(others.sort());
    const described = new Map([...own.value, ...deadLetters.value]);
    const [first] = described.values();
    const failure = own.failure ?? deadLetters.failure;
    this.background.noteFound(described.size, first?.attributes['QueueArn'], failure);
    return {
      failure,
      value: {
        described,
        missing: selection.names.filter((name) => !urls.has(name) && !selection.exclude.includes(name)),
        notWatched: Math.max(0, chosen.length - selection.limit),
        existing: new Set(urls.keys()),
        deadLetterArns: new Set([...described.values()].flatMap(({ redrive }) => redrive?.deadLetterArn ?? [])),
      },
    };
  }

  async #withTags(names: readonly string[], urls: ReadonlyMap<string, string>, context: WorkContext) {
    const existing = names.filter((name) => urls.has(name));
    const fits = await mapLimit(existing, tagsAtOnce, (name) => this.#tags.matches(urls.get(name) ?? '', context));
    return existing.filter((_name, index) => fits[index]);
  }

  /** Undefined for a queue that is gone, or of another account or region. */
  async #describe(name: string, url: string | undefined, signal: AbortSignal): Promise<Queue | undefined> {
    const attributes = url === undefined ? undefined : await this.background.api.attributes(url, signal);
    if (url === undefined || attributes === undefined) return undefined;
    return { name, url, attributes, redrive: parseRedrivePolicy(attributes['RedrivePolicy']) };
  }
}

function nameOf(url: string): string {
  return url.split('/').at(-1) ?? '';
}

function subjectsOf({ described }: Queues): Subject[] {
  return [...described].map(([name, { attributes }]) => ({
    kind: 'queue',
    name: attributes['QueueArn'] ?? '',
    values: [name],
  }));
}
