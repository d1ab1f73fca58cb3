const binary = 'binary:';

/** A key as a report calls it: the text that it is, or its bytes as hexadecimal digits. Two keys never have one name. */
export function nameOfKey(key: Buffer): string {
  const text = key.toString();
  const isText = Buffer.from(text).equals(key) && !text.startsWith(binary);
  return isText ? text : `${binary}${key.toString('hex')}`;
}

export function keyOfName(name: string): Buffer {
  return name.startsWith(binary) ? Buffer.from(name.slice(binary.length), 'hex') : Buffer.from(name);
}
