/**
 * Puts one after the other from a thread of its own, so that what the load generator has to do with huge answers does
 * not look like a slow put. Starts at once; at any message says how long each took, in milliseconds, and ends.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { KV, PutRequest } from '../../src/proto/gen/etcdserverpb.js';
import { connect } from './connect.js';
import { binaryValue } from './values.js';

const channel = connect((workerData as { readonly port: number }).port);
let isOver = false;
parentPort?.once('message', () => {
  isOver = true;
});

const tookMs: number[] = [];
while (!isOver) {
  const key = Buffer.from(`other/${tookMs.length % 1000}`);
  const beganMs = performance.now();
  await channel.unary(KV.put, PutRequest.create({ key, value: binaryValue() }));
  tookMs.push(performance.now() - beganMs);
}
await channel.close();
parentPort?.postMessage(tookMs);
