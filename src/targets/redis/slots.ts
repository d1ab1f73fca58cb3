/** Slots of a cluster: every key belongs to one of them, and every slot to one master. */
const slots = 16_384;

/** By slot: the id of the master that has it; undefined for a slot that nobody has. From the answer to CLUSTER NODES. */
export function slotOwners(clusterNodes: string): readonly (string | undefined)[] {
  const owners: (string | undefined)[] = Array.from({ length: slots }, () => undefined);
  for (const line of clusterNodes.split('\n')) {
    const [id, , , , , , , , ...ranges] = line.trim().split(' ');
    for (const range of ranges) {
      // What is in brackets is on its way to another master, and still belongs to this one.
      const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
      for (let slot = Number(from); slot <= Number(to) && slot < slots; slot++) owners[slot] = id;
    }
  }
  return owners;
}

/** The slot of a key: of what is between its first braces, when that is something. */
export function slotOf(key: Buffer): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return crc16(close > open + 1 ? key.subarray(open + 1, close) : key) % slots;
}

/** CRC-16/XMODEM, as the specification of Redis Cluster wants it. */
function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}
