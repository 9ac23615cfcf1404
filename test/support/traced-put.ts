/** A put with metadata of the caller's, by another implementation of gRPC. */
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { PutRequest, PutResponse } from '../../src/proto/gen/etcdserverpb.js';

export function putWithMetadata(endpoint: string, fields: Readonly<Record<string, string>>): Promise<PutResponse> {
  const client = new Client(endpoint, credentials.createInsecure());
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
  return new Promise<PutResponse>((resolve, reject) => {
    client.makeUnaryRequest(
      '/etcdserverpb.KV/Put',
      (request: PutRequest) => Buffer.from(PutRequest.encode(request)),
      (bytes: Buffer) => PutResponse.decode(bytes),
      PutRequest.create({ key: Buffer.from('k'), value: Buffer.from('v') }),
      metadata,
      (error, response) => {
        client.close();
        if (error !== null || response === undefined) reject(error ?? new Error('no answer'));
        else resolve(response);
      },
    );
  });
}
