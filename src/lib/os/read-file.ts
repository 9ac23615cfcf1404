/** Reading small files whole: certificates, keys. */
import fs from 'node:fs';
import { pathErrorText } from '../go/system-error.js';
import { textOrBytes } from '../raw-text.js';

/** Throws an Error in Go's words, with the system's error as its cause. */
export function readFile(path: string): Buffer {
  let fd: number;
  try {
    fd = fs.openSync(textOrBytes(path), 'r');
  } catch (cause) {
    throw new Error(pathErrorText('open', path, cause), { cause });
  }
  try {
    return fs.readFileSync(fd);
  } catch (cause) {
    throw new Error(pathErrorText('read', path, cause), { cause });
  } finally {
    fs.closeSync(fd);
  }
}
