/**
 * A refusal of members or auth: a status and one sentence. As in etcd, one that comes before all else does not name the
 * cluster.
 */
export class MessageError extends Error {
  override readonly name = 'MessageError';

  constructor(
    readonly status: number,
    message: string,
    readonly options: { readonly namesCluster: boolean } = { namesCluster: true },
  ) {
    super(message);
  }
}

export const insufficientCredentials = (): MessageError =>
  new MessageError(401, 'Insufficient credentials', { namesCluster: false });
