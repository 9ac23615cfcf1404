/** Compactions and hashes, one after another, each in steps that somebody else makes. */
import { BusyError } from './errors.js';
import { CompactionJob, type Job } from './jobs.js';

/**
 * Hashes waiting beyond this are refused (BusyError): each reads the whole store, and a compaction behind them would
 * never come.
 */
const MAX_JOBS = 128;

export class JobQueue {
  #jobs: Job[] = [];

  add(job: Job): void {
    this.#jobs.push(job);
  }

  /** Throws BusyError where no other hash may wait. Those whose callers are gone make room. */
  assertRoom(): void {
    if (this.#jobs.length >= MAX_JOBS) this.#dropAbandoned();
    if (this.#jobs.length >= MAX_JOBS) throw new BusyError(MAX_JOBS);
  }

  get pending(): 'none' | 'compaction' | 'hash' {
    return this.#jobs[0]?.kind ?? 'none';
  }

  get isSweepingIndex(): boolean {
    const job = this.#jobs[0];
    return job instanceof CompactionJob && job.isSweepingIndex;
  }

  /**
   * Handles up to `limit` records of the first job; false when there is nothing left to do. A compaction waits (and the
   * answer is true) while one of `readers` reads below its revision.
   */
  work(limit: number, readers: Iterable<{ readonly revision: number }>): boolean {
    const job = this.#jobs[0];
    if (job === undefined) return false;
    if (job.kind === 'compaction') for (const reader of readers) if (reader.revision < job.revision) return true;
    if (job.step(limit)) this.#jobs.shift();
    return this.#jobs.length > 0;
  }

  interrupt(): void {
    const jobs = this.#jobs;
    this.#jobs = [];
    for (const job of jobs) job.interrupt();
  }

  /** The job under way finds out by itself. */
  #dropAbandoned(): void {
    const [first, ...waiting] = this.#jobs;
    if (first !== undefined) this.#jobs = [first, ...waiting.filter((job) => !job.endsAbandoned())];
  }
}
