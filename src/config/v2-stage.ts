/** `--v2-deprecation`: how far the way out of the v2 API has been gone. (etcd's server/config/v2_deprecation.go) */
import { type Kind, oneOf } from './option.js';

export type V2Stage = 'not-yet' | 'write-only' | 'write-only-skip-check' | 'write-only-drop-data' | 'gone';

/** The refusal names the value on the command line, too. */
const named = (words: Kind<V2Stage>): Kind<V2Stage> => ({ ...words, parse: words.fromFile });

export const v2StageKind = named(
  oneOf<V2Stage>('not-yet', 'write-only', 'write-only-skip-check', 'write-only-drop-data', 'gone'),
);
/** From 3.6 on the first stage is over, and is no value any more. */
export const laterV2StageKind = named(
  oneOf<V2Stage>('write-only', 'write-only-skip-check', 'write-only-drop-data', 'gone'),
);
