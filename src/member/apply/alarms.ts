/**
 * Alarms raised by members, kept in the bucket `alarm` (key = marshalled AlarmMember, empty value), so that they outlive restarts. They are
 * raised and cleared through the log only; nothing here looks at the clock or the disk's state.
 */
import type { Backend } from '../../backend/types.js';
import { AlarmMember, AlarmType } from '../../proto/gen/etcdserverpb.js';

const NAMES: Readonly<Record<number, string>> = { [AlarmType.NOSPACE]: 'NOSPACE', [AlarmType.CORRUPT]: 'CORRUPT' };

export class Alarms {
  /** By `member/type`. */
  readonly #raised = new Map<string, AlarmMember>();

  constructor(readonly backend: Backend) {
    this.restore();
  }

  /** The backend may hold others (a snapshot from the leader). */
  restore(): void {
    this.#raised.clear();
    this.backend.range('alarm', new Uint8Array(0), undefined, 0, (key) => {
      const alarm = AlarmMember.decode(Uint8Array.from(key));
      this.#raised.set(name(alarm), alarm);
    });
  }

  /** The alarm as stored; raising one again changes nothing. */
  activate(memberID: bigint, alarm: AlarmType): AlarmMember {
    const wanted: AlarmMember = { memberID, alarm };
    const known = this.#raised.get(name(wanted));
    if (known !== undefined) return known;
    this.#raised.set(name(wanted), wanted);
    this.backend.put('alarm', AlarmMember.encode(wanted), new Uint8Array(0));
    return wanted;
  }

  /** undefined when there was none. */
  deactivate(memberID: bigint, alarm: AlarmType): AlarmMember | undefined {
    const known = this.#raised.get(name({ memberID, alarm }));
    if (known === undefined) return undefined;
    this.#raised.delete(name(known));
    this.backend.delete('alarm', AlarmMember.encode(known));
    return known;
  }

  /** NONE = of every type. */
  list(type: AlarmType = AlarmType.NONE): AlarmMember[] {
    return [...this.#raised.values()].filter(({ alarm }) => type === AlarmType.NONE || alarm === type);
  }

  has(type: AlarmType): boolean {
    return this.list(type).length > 0;
  }
}

/** As `/health` and the status texts show it. */
export function alarmName(type: AlarmType): string {
  return NAMES[type] ?? 'UNKNOWN';
}

/** As the errors of a member's status show it: what is zero is left out, as in protobuf's text form. */
export function alarmText({ memberID, alarm }: AlarmMember): string {
  const member = memberID === 0n ? '' : `memberID:${memberID} `;
  return alarm === AlarmType.NONE ? member : `${member}alarm:${alarmName(alarm)} `;
}

function name({ memberID, alarm }: AlarmMember): string {
  return `${memberID}/${alarm}`;
}
