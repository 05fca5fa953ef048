/** A device's payload, JSON or MessagePack, told apart by its first byte as telemetry/wire/frames.py does. */

const text = new TextDecoder("utf-8", { fatal: true });

/** The value. Throws on anything else. */
export function unpack(bytes) {
  if (bytes.length && [0x7b, 0x20, 0x09, 0x0a, 0x0d].includes(bytes[0])) return JSON.parse(text.decode(bytes));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (n) => {
    if (at + n > bytes.length) throw new RangeError("the message ends early");
    at += n;
    return at - n;
  };
  const count = (size) => (size === 1 ? view.getUint8(take(1)) : size === 2 ? view.getUint16(take(2)) : view.getUint32(take(4)));
  const string = (n) => text.decode(bytes.subarray(take(n), at));
  const list = (n, depth) => Array.from({ length: n }, () => value(depth + 1));
  const map = (n, depth) => Object.fromEntries(Array.from({ length: n }, () => [value(depth + 1), value(depth + 1)]));
  function value(depth) {
    if (depth > 8) throw new RangeError("nested too deeply");
    const first = view.getUint8(take(1));
    if (first < 0x80) return first;
    if (first < 0x90) return map(first & 15, depth);
    if (first < 0xa0) return list(first & 15, depth);
    if (first < 0xc0) return string(first & 31);
    if (first >= 0xe0) return first - 256;
    switch (first) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xca: return view.getFloat32(take(4));
      case 0xcb: return view.getFloat64(take(8));
      case 0xcc: return view.getUint8(take(1));
      case 0xcd: return view.getUint16(take(2));
      case 0xce: return view.getUint32(take(4));
      case 0xcf: return Number(view.getBigUint64(take(8)));
      case 0xd0: return view.getInt8(take(1));
      case 0xd1: return view.getInt16(take(2));
      case 0xd2: return view.getInt32(take(4));
      case 0xd3: return Number(view.getBigInt64(take(8)));
      case 0xd9: return string(count(1));
      case 0xda: return string(count(2));
      case 0xdb: return string(count(4));
      case 0xdc: return list(count(2), depth);
      case 0xdd: return list(count(4), depth);
      case 0xde: return map(count(2), depth);
      case 0xdf: return map(count(4), depth);
      default: throw new RangeError(`byte 0x${first.toString(16)} is not expected`);
    }
  }
  const result = value(0);
  if (at !== bytes.length) throw new RangeError("bytes behind the message");
  return result;
}
