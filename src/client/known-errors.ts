/**
 * The texts that clientv3 recognizes and shows bare (rpctypes' table); any other status is shown with its code. A few
 * of etcd's own messages are missing from that table, and so are they here.
 */
import { type WireErrorName, wireErrors } from '../proto/errors.js';

const unlisted: ReadonlySet<WireErrorName> = new Set<WireErrorName>([
  'watchCanceled',
  'rangeStreamSort',
  'rangeStreamFilter',
  'timeoutWaitAppliedIndex',
  'timeoutLeaderTransfer',
  'requestCanceled',
  'contextCanceled',
  'contextDeadlineExceeded',
  'passwordForNoPasswordUser',
  'permissionNotGiven',
]);

const texts: ReadonlySet<string> = new Set(
  (Object.keys(wireErrors) as WireErrorName[])
    .filter((name) => !unlisted.has(name))
    .map((name) => wireErrors[name].message),
);

export const isKnownError = (message: string): boolean => texts.has(message);
