/** What checks of a data directory say of it. */

export interface Finding {
  /**
   * `note`: worth knowing. `warning`: a start puts it right. `error`: the member cannot start, or must not be trusted.
   */
  readonly level: 'note' | 'warning' | 'error';
  /** What was found and where. */
  readonly what: string;
  readonly remedy?: string;
}

/** Where nothing less helps. */
export const rebuild =
  'if the cluster has other healthy members, remove this one, empty its data directory and add it again; if not, ' +
  'restore from a snapshot';

export class Findings {
  readonly all: Finding[] = [];

  note(what: string, remedy?: string): void {
    this.all.push({ level: 'note', what, ...(remedy === undefined ? {} : { remedy }) });
  }

  warn(what: string, remedy: string): void {
    this.all.push({ level: 'warning', what, remedy });
  }

  error(what: string, remedy = rebuild): void {
    this.all.push({ level: 'error', what, remedy });
  }
}
