/** A redirect as Go's `http.Redirect` answers it: with a page for those that may show one. */
import type { HttpResponse } from '../http.js';

/** `location` is escaped already. */
export function movedTo(location: string, method: string): HttpResponse {
  const moved = { Location: location };
  if (method !== 'GET' && method !== 'HEAD') return { status: 301, headers: moved, body: '' };
  const shown = location.replace(/[&<>"']/g, (found) => htmlEscapes[found] ?? found);
  return {
    status: 301,
    headers: { 'Content-Type': 'text/html; charset=utf-8', ...moved },
    body: `<a href="${shown}">Moved Permanently</a>.\n\n`,
  };
}

const htmlEscapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};
