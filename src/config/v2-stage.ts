/** `--v2-deprecation`: how far the way out of the v2 API has been gone. (etcd's server/config/v2_deprecation.go) */
import { type Kind, oneOf } from './option.js';

export type V2Stage = 'not-yet' | 'write-only' | 'write-only-skip-check' | 'write-only-drop-data' | 'gone';

const words = oneOf<V2Stage>('not-yet', 'write-only', 'write-only-skip-check', 'write-only-drop-data', 'gone');

/** The refusal names the value on the command line, too. */
export const v2StageKind: Kind<V2Stage> = { ...words, parse: words.fromFile };
