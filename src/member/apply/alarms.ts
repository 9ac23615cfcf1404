/**
 * Alarms raised by members, kept in the bucket `alarm`, so that they outlive restarts. They are
 * raised and cleared through the log only; nothing here looks at the clock or the disk's state.
 */

import { deleteAlarm, putAlarm, readAlarms } from '../../backend/schema/alarm.js';
import type { Backend } from '../../backend/types.js';
import type { MemberId } from '../../lib/ids.js';
import { type AlarmMember, AlarmType } from '../../proto/gen/etcdserverpb.js';

const NAMES: Readonly<Record<number, string>> = { [AlarmType.NOSPACE]: 'NOSPACE', [AlarmType.CORRUPT]: 'CORRUPT' };

/** There are two for each member; ids that are nobody's may be cleared as well. */
const MAX_CLEARED = 100;

export interface AlarmState {
  readonly memberHex: string;
  readonly type: string;
  readonly isRaised: boolean;
}

export class Alarms {
  /** By `member/type`. */
  readonly #raised = new Map<string, AlarmMember>();
  /** The last that were cleared, for the metrics alone. */
  readonly #cleared = new Map<string, AlarmMember>();

  constructor(readonly backend: Backend) {
    this.restore();
  }

  /** The backend may hold others (a snapshot from the leader). */
  restore(): void {
    this.#raised.clear();
    this.#cleared.clear();
    readAlarms(this.backend, (alarm) => this.#raised.set(name(alarm), alarm));
  }

  /** The alarm as stored; raising one again changes nothing. */
  activate(memberID: MemberId, alarm: AlarmType): AlarmMember {
    const wanted: AlarmMember = { memberID, alarm };
    const known = this.#raised.get(name(wanted));
    if (known !== undefined) return known;
    this.#raised.set(name(wanted), wanted);
    this.#cleared.delete(name(wanted));
    putAlarm(this.backend, wanted);
    return wanted;
  }

  /** undefined when there was none. */
  deactivate(memberID: MemberId, alarm: AlarmType): AlarmMember | undefined {
    const known = this.#raised.get(name({ memberID, alarm }));
    if (known === undefined) return undefined;
    this.#raised.delete(name(known));
    if (this.#cleared.size < MAX_CLEARED) this.#cleared.set(name(known), known);
    deleteAlarm(this.backend, known);
    return known;
  }

  /** NONE = of every type. */
  list(type: AlarmType = AlarmType.NONE): AlarmMember[] {
    return [...this.#raised.values()].filter(({ alarm }) => type === AlarmType.NONE || alarm === type);
  }

  /** By member and type, whether it is raised; those as well that were. */
  states(): AlarmState[] {
    const state = ({ memberID, alarm }: AlarmMember, isRaised: boolean): AlarmState => ({
      memberHex: memberID.toString(16),
      type: alarmName(alarm),
      isRaised,
    });
    return [
      ...[...this.#raised.values()].map((alarm) => state(alarm, true)),
      ...[...this.#cleared.values()].map((alarm) => state(alarm, false)),
    ];
  }

  has(type: AlarmType): boolean {
    for (const { alarm } of this.#raised.values()) if (alarm === type) return true;
    return false;
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
