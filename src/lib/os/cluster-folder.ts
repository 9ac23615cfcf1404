/**
 * The folder of a cluster that runs on this machine for trying things out, and the file that tells where the newest one
 * is.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { askControl } from './control-socket.js';

const HOST = '127.0.0.1';

export interface MemberUrls {
  readonly client: string;
  readonly peer: string;
}

export interface ClusterFolder {
  readonly path: string;
  /** Where the cluster can be talked to. */
  readonly socketPath: string;
  /** The same at every start, since members that come back must be where they were. */
  readonly urls: readonly MemberUrls[];
  /** Removes the socket, and the folder itself where it is a temporary one. */
  close(): void;
}

/** `path` is kept; `''` = a temporary folder. Throws when it holds a cluster that is up, or one of another size. */
export async function openClusterFolder(path: string, size: number): Promise<ClusterFolder> {
  const isUp =
    path !== '' &&
    (await askControl(join(path, 'control.sock'), '').then(
      () => true,
      () => false,
    ));
  if (isUp) throw new Error(`the cluster in ${path} is up already`);
  if (path !== '') mkdirSync(path, { recursive: true, mode: 0o700 });
  const folder = path === '' ? mkdtempSync(join(tmpdir(), 'etcd-ts-cluster-')) : path;
  const socketPath = join(folder, 'control.sock');
  const urls = await urlsFor(join(folder, 'cluster.json'), folder, size);
  rmSync(socketPath, { force: true });
  writeFileSync(newestFile(), socketPath, { mode: 0o600 });
  return {
    path: folder,
    socketPath,
    urls,
    close() {
      rmSync(socketPath, { force: true });
      if (path === '') rmSync(folder, { recursive: true, force: true });
      if (newest() === socketPath) rmSync(newestFile(), { force: true });
    },
  };
}

/** Of the cluster in `path`, or of the newest one. Throws when there is none. */
export function clusterSocketPath(path: string): string {
  const found = path === '' ? newest() : join(path, 'control.sock');
  if (found === undefined) throw new Error('no cluster is up: start one with `etcd cluster up`');
  return found;
}

/** The same for all clusters of a user. */
const newestFile = (): string => join(tmpdir(), `etcd-ts-cluster-${userInfo().uid}`);

function newest(): string | undefined {
  try {
    return readFileSync(newestFile(), 'utf8');
  } catch {
    return undefined;
  }
}

async function urlsFor(file: string, folder: string, size: number): Promise<readonly MemberUrls[]> {
  let known: readonly MemberUrls[] | undefined;
  try {
    known = JSON.parse(readFileSync(file, 'utf8')) as readonly MemberUrls[];
  } catch {
    known = undefined;
  }
  if (known !== undefined) {
    if (known.length === size) return known;
    throw new Error(`${folder} holds a cluster of ${known.length} members, not ${size}`);
  }
  const ports = await freePorts(2 * size);
  const url = (at: number): string => `http://${HOST}:${ports[at]}`;
  const urls = Array.from({ length: size }, (_, at) => ({ client: url(2 * at), peer: url(2 * at + 1) }));
  writeFileSync(file, `${JSON.stringify(urls, null, 1)}\n`);
  return urls;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.on('error', reject);
          server.listen(0, HOST, () => {
            const address = server.address();
            if (address !== null && typeof address === 'object') resolve(address.port);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
