/** One question and one answer over a unix socket: how a command in a second terminal reaches one in the first. */
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import net from 'node:net';
import { text } from 'node:stream/consumers';

const MAX_QUESTION_BYTES = 1000;

/** For whoever may open the socket's file: its owner. */
export async function serveControl(
  path: string,
  answer: (question: string) => Promise<string>,
): Promise<AsyncDisposable> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    let question = '';
    socket.on('data', (chunk) => {
      question += chunk.toString();
      if (question.length > MAX_QUESTION_BYTES) socket.destroy();
    });
    socket.on('end', () => {
      answer(question).then(
        (said) => socket.end(said),
        (cause: unknown) => socket.end(`Error: ${cause instanceof Error ? cause.message : String(cause)}`),
      );
    });
  });
  server.listen(path);
  await once(server, 'listening');
  chmodSync(path, 0o600);
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

/** Rejects when nobody listens at `path`. */
export async function askControl(path: string, question: string): Promise<string> {
  const socket = net.connect({ path, allowHalfOpen: true });
  await once(socket, 'connect');
  socket.end(question);
  return text(socket);
}
