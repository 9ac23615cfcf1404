/**
 * `PUT /config/local/log`: changes the log's level while the member runs. Served by etcd up to 3.4, which took
 * capnslog's words for levels.
 */
import { type CapnslogLetter, parseCapnslogLevel } from '../../lib/go/capnslog.js';
import { collectBody } from '../../lib/http.js';
import { type HttpHandler, textError } from './types.js';

export type LoggedLevel = 'debug' | 'info' | 'notice' | 'warn' | 'error' | 'fatal';

const MAX_BODY_BYTES = 64 * 1024;

const levels: Readonly<Record<CapnslogLetter, LoggedLevel>> = {
  C: 'fatal',
  E: 'error',
  W: 'warn',
  N: 'notice',
  I: 'info',
  D: 'debug',
};

export function logLevelHandler(setLevel: (level: LoggedLevel) => void): HttpHandler {
  return async (request, url) => {
    if (url.pathname !== '/config/local/log') return undefined;
    if (request.method !== 'PUT') return textError(405, 'Method Not Allowed', { Allow: 'PUT' });
    const word = await levelWord(request.body);
    if (word === undefined) return refused('Invalid json body');
    const letter = parseCapnslogLevel(word.toUpperCase());
    if (letter === undefined) return refused(`Invalid log level ${word}`);
    setLevel(levels[letter]);
    return { status: 204, headers: {}, body: '' };
  };
}

/** The member `Level`, in any case, of the object that was sent; undefined where it was none. */
async function levelWord(body: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  try {
    const sent: unknown = JSON.parse(Buffer.from(await collectBody(body, MAX_BODY_BYTES)).toString());
    if (sent === null) return '';
    if (typeof sent !== 'object' || Array.isArray(sent)) return undefined;
    const level: unknown = Object.entries(sent).findLast(([name]) => name.toLowerCase() === 'level')?.[1] ?? '';
    return typeof level === 'string' ? level : undefined;
  } catch {
    return undefined;
  }
}

const refused = (message: string) => ({
  status: 400,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ message }),
});
