/** Messages that a node makes for itself, or exchanges with its storage. Source: etcd-io/raft util.go, isLocalMsg. */
import { MessageType } from './types.js';

export const localMessages: ReadonlySet<MessageType> = new Set([
  MessageType.MsgHup,
  MessageType.MsgBeat,
  MessageType.MsgUnreachable,
  MessageType.MsgSnapStatus,
  MessageType.MsgCheckQuorum,
  MessageType.MsgStorageAppend,
  MessageType.MsgStorageAppendResp,
  MessageType.MsgStorageApply,
  MessageType.MsgStorageApplyResp,
]);

/** What no peer may send: from the network it would be a forgery. */
export const neverFromPeers: ReadonlySet<MessageType> = new Set([...localMessages, MessageType.MsgForgetLeader]);
