/**
 * 32 bits of `text` and `seed` that look random: MurmurHash3's mixing over UTF-16 units. The same on every machine and
 * version, so that processes agree without talking; no protection against somebody who chooses the text.
 */
export function hash32(text: string, seed = 0): number {
  let hash = seed >>> 0;
  for (let i = 0; i < text.length; i++) {
    let unit = Math.imul(text.charCodeAt(i), 0xcc9e2d51);
    unit = Math.imul((unit << 15) | (unit >>> 17), 0x1b873593);
    hash ^= unit;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * How much `node` wants `key` (rendezvous hashing, Thaler and Ravishankar 1996; weights as in Schindelhauer and
 * Schomaker 2005): the node with the highest score has it, and when a node goes only its own keys move.
 */
export function rendezvousScore(key: string, node: string, weight = 1): number {
  // Never 0 or 1, whose logarithms are of no use.
  const uniform = (hash32(key, hash32(node)) + 0.5) / 2 ** 32;
  return -weight / Math.log(uniform);
}
