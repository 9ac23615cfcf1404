/** A redirect as Go's `http.Redirect` answers it: with a page for those that may show one. */
import { differenceOf, type EmulatedVersion } from '../emulate.js';
import type { HttpResponse } from '../http.js';
import { goStatusText } from './http-status.js';

/** `location` is escaped already. */
export function movedTo(
  location: string,
  { method, emulate }: { readonly method: string; readonly emulate: EmulatedVersion },
): HttpResponse {
  const status = differenceOf('redirectStatus', emulate);
  const moved = { Location: location };
  if (method !== 'GET' && method !== 'HEAD') return { status, headers: moved, body: '' };
  const shown = location.replace(/[&<>"']/g, (found) => htmlEscapes[found] ?? found);
  return {
    status,
    headers: { 'Content-Type': 'text/html; charset=utf-8', ...moved },
    body: `<a href="${shown}">${goStatusText(status)}</a>.\n\n`,
  };
}

const htmlEscapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};
