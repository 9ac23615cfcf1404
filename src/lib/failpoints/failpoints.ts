/**
 * Named points at which a running member can be made to fail, wait or answer otherwise: etcd's own names, driven
 * through gofail's protocol, so that etcd's crash and robustness tools work on this program too. A part holds
 * `Failpoints | undefined` and calls `failpoints?.hit('walBeforeSync')`: without the variables that switch them on
 * there is nothing to call.
 */

import type { Random } from '../random.js';
import { type Act, parseTerms, type Term } from './failpoint-terms.js';

/** In the order of the way through a member. */
const NAMES = [
  // Raft: what is sent and what is written
  'raftBeforeLeaderSend',
  'raftBeforeFollowerSend',
  'raftBeforeSaveWaitWalSync',
  'raftBeforeSave',
  'raftAfterSave',
  'raftBeforeAdvance',
  'raftDropHeartbeat',
  'walBeforeSync',
  'walAfterSync',
  // Snapshots: our own, and those that a leader sends
  'raftBeforeSaveSnap',
  'raftAfterSaveSnap',
  'raftBeforeApplySnap',
  'raftAfterApplySnap',
  'raftAfterWALRelease',
  'snapDBRenameBeforeDirSync',
  'snapDBDirSyncError',
  'applyBeforeOpenSnapshot',
  'applyAfterOpenSnapshot',
  // Applying
  'beforeApplyOneEntryNormal',
  'beforeApplyOneConfChange',
  // The database
  'commitBeforePreCommitHook',
  'commitAfterPreCommitHook',
  'beforeStartDBTxn',
  'afterStartDBTxn',
  'beforeWritebackBuf',
  'afterWritebackBuf',
  'beforeCommit',
  'afterCommit',
  'beforeSyncDataPages',
  'beforeSyncMetaPage',
  'defragBeforeCopy',
  'defragBeforeRename',
  'defragOpenFileError',
  'defragdbFail',
  // Compaction
  'compactBeforeCommitScheduledCompact',
  'compactAfterCommitScheduledCompact',
  'compactAfterAcquiredBatchTxLock',
  'compactBeforeCommitBatch',
  'compactAfterCommitBatch',
  'compactBeforeSetFinishedCompact',
  'compactAfterSetFinishedCompact',
  // Watches and leases
  'beforeSendWatchResponse',
  'beforeLookupWhenLeaseTimeToLive',
  'beforeLookupWhenForwardLeaseTimeToLive',
  'beforeCheckpointInLeaseRenew',
] as const;

export type FailpointName = (typeof NAMES)[number];

/** What the parts of a member see. */
export interface Failpoints {
  /**
   * In the midst of work that nobody else may come into: a `sleep` holds up the whole process. The value of a `return`
   * (`''` when it has none), or undefined: go on as usual.
   */
  hit(name: FailpointName): string | undefined;
  /** As `hit`, where only the caller waits. */
  wait(name: FailpointName): Promise<string | undefined>;
  /** Where others may come in but need not: what to wait for where it is a `sleep`, otherwise undefined. */
  holdUp(name: FailpointName): Promise<void> | undefined;
}

/** What an act does to the process. */
export interface FailpointEffects {
  /**
   * Ends the process at once, as an unrecovered panic ends a Go program: nothing is closed, nothing that is not on disk
   * gets there.
   */
  panic(message: string): never;
  /** Holds up the process. */
  sleepNow(ms: number): void;
  sleep(ms: number): Promise<void>;
  print(line: string): void;
  /** Holds up the process until somebody has attached a debugger; gofail starts one. */
  break(): void;
}

export type FailpointError = 'failpoint: failpoint does not exist' | 'failpoint: failpoint is disabled' | BadTerms;
type BadTerms = 'failpoint: could not parse terms';

interface Setting {
  readonly terms: readonly Term[];
  readonly text: string;
  /** How often a term of it was carried out. */
  count: number;
}

/** All failpoints of a process and what they are set to. */
export class FailpointSet implements Failpoints {
  readonly #settings = new Map<FailpointName, Setting>();

  constructor(
    readonly effects: FailpointEffects,
    readonly random: Random,
  ) {}

  /** In alphabetical order; those that are not set with `''`. */
  list(): { readonly name: FailpointName; readonly terms: string }[] {
    return [...NAMES].sort().map((name) => ({ name, terms: this.#settings.get(name)?.text ?? '' }));
  }

  /** Undefined when it is set; otherwise it is as before. */
  set(name: string, text: string): FailpointError | undefined {
    if (!isFailpoint(name)) return 'failpoint: failpoint does not exist';
    const terms = parseTerms(text);
    if (terms === undefined) {
      this.effects.print(`failed to enable "${name}=${text}" (failpoint: could not parse terms)`);
      return 'failpoint: could not parse terms';
    }
    this.#settings.set(name, { terms, text, count: 0 });
    return undefined;
  }

  clear(name: string): FailpointError | undefined {
    if (!isFailpoint(name)) return 'failpoint: failpoint does not exist';
    return this.#settings.delete(name) ? undefined : 'failpoint: failpoint is disabled';
  }

  status(name: string): { readonly terms: string; readonly count: number } | FailpointError {
    if (!isFailpoint(name)) return 'failpoint: failpoint does not exist';
    const setting = this.#settings.get(name);
    return setting === undefined ? 'failpoint: failpoint is disabled' : { terms: setting.text, count: setting.count };
  }

  hit(name: FailpointName): string | undefined {
    const act = this.#next(name);
    if (act?.t === 'sleep') {
      this.effects.sleepNow(act.ms);
      return undefined;
    }
    return act === undefined ? undefined : this.#carryOut(name, act);
  }

  async wait(name: FailpointName): Promise<string | undefined> {
    const act = this.#next(name);
    if (act?.t === 'sleep') {
      await this.effects.sleep(act.ms);
      return undefined;
    }
    return act === undefined ? undefined : this.#carryOut(name, act);
  }

  holdUp(name: FailpointName): Promise<void> | undefined {
    const act = this.#next(name);
    if (act?.t === 'sleep') return this.effects.sleep(act.ms);
    if (act !== undefined) this.#carryOut(name, act);
    return undefined;
  }

  /** The first term that its counts and chances admit. */
  #next(name: FailpointName): Act | undefined {
    const setting = this.#settings.get(name);
    const term = setting?.terms.find((each) => each.admits(this.random));
    if (setting === undefined || term === undefined) return undefined;
    setting.count++;
    return term.act;
  }

  #carryOut(name: FailpointName, act: Exclude<Act, { t: 'sleep' }>): string | undefined {
    switch (act.t) {
      case 'off':
        return undefined;
      case 'return':
        return act.value;
      case 'panic':
        // Without a value Go prints the empty struct that stands for it.
        return this.effects.panic(`failpoint panic: ${act.value === '' ? '{}' : act.value}`);
      case 'print':
        this.effects.print(`failpoint print: ${name}`);
        return undefined;
      case 'break':
        this.effects.break();
        return undefined;
      case 'ignored':
        this.effects.print(`failpoint: ${act.why} on ${name}`);
        return undefined;
    }
  }
}

function isFailpoint(name: string): name is FailpointName {
  return NAMES.some((each) => each === name);
}

/** `name=terms;name=terms`: what `GOFAIL_FAILPOINTS` holds. An Error says which part is none. */
export function parseFailpoints(text: string): Map<string, string> | Error {
  const settings = new Map<string, string>();
  for (const part of text.split(';')) {
    if (part === '') continue;
    const [name = '', terms, ...more] = part.split('=');
    if (terms === undefined || more.length > 0) return new Error(`bad failpoint ${JSON.stringify(part)}`);
    settings.set(name, terms);
  }
  return settings;
}
