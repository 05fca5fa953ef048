/** The digest of a set of alarms, which guards against a stale screen; telemetry.wire.payloads.digest computes the same. */

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** CRC-32 of the sorted transition ids joined by newlines. */
export function digest(ids) {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode([...ids].sort().join("\n"))) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}
