/** `read` of an HTTP answer over its iterable body, for answers that no network brought. */
export const readBody =
  (body: AsyncIterable<Uint8Array>) =>
  async (onChunk: (chunk: Uint8Array) => void): Promise<void> => {
    for await (const chunk of body) onChunk(chunk);
  };
