import type { MemberConfig } from '../world/types.js';

type Folders = Pick<MemberConfig, 'dataDir' | 'walDir'>;

export const memberDirOf = ({ dataDir }: Folders): string => `${dataDir}/member`;
export const snapDirOf = ({ dataDir }: Folders): string => `${dataDir}/member/snap`;
export const walDirOf = ({ dataDir, walDir }: Folders): string => (walDir === '' ? `${dataDir}/member/wal` : walDir);
