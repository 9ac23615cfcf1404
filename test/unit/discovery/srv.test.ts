import { describe, expect, it } from 'vitest';
import { clusterFromSrv, type Resolver, type ServiceRecord } from '../../../src/discovery/srv.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const addresses: Readonly<Record<string, string>> = { one: '10.0.0.1', two: '10.0.0.2', 'one.local': '10.0.0.1' };

function resolver(services: Readonly<Record<string, readonly ServiceRecord[]>>): Resolver {
  return {
    async services(name) {
      const found = services[name];
      if (found === undefined) throw new Error(`lookup ${name}: no such host`);
      return found;
    },
    async host(name) {
      const shown = name.replace(/\.$/, '');
      const found = addresses[shown] ?? (/^[\d.]+$/.test(shown) ? shown : undefined);
      if (found === undefined) throw new Error(`lookup ${name}: no such host`);
      return [found];
    },
  };
}

const plain = '_etcd-server._tcp.example.com';
const secure = '_etcd-server-ssl._tcp.example.com';
const options = {
  domain: 'example.com',
  serviceSuffix: '',
  name: 'me',
  advertisedPeerUrls: ['http://10.0.0.1:2380'],
  takesPart: true,
};
const one = { host: 'one.', port: 2380 };
const two = { host: 'two.', port: 2380 };

const cluster = (services: Parameters<typeof resolver>[0], more: Partial<typeof options> = {}): Promise<string> =>
  clusterFromSrv({ ...options, ...more }, resolver(services), new RecordingLogger());

describe('a cluster from SRV records', () => {
  it('knows itself by its advertised address, and numbers the others', async () => {
    expect(await cluster({ [plain]: [two, one, { host: '10.0.0.3.', port: 1 }] })).toBe(
      '0=http://two:2380,me=http://one:2380,1=http://10.0.0.3:1',
    );
  });

  it('takes the records of both services', async () => {
    const advertisedPeerUrls = ['https://one.local:2380'];
    expect(await cluster({ [secure]: [one], [plain]: [two] }, { advertisedPeerUrls })).toBe(
      'me=https://one:2380,0=http://two:2380',
    );
  });

  it('asks under the suffix that it is given', async () => {
    expect(await cluster({ '_etcd-server-x._tcp.example.com': [one] }, { serviceSuffix: 'x' })).toBe(
      'me=http://one:2380',
    );
  });

  it('leaves out its own record under another scheme, and so does not find itself', async () => {
    await expect(cluster({ [secure]: [one, two], [plain]: [two] })).rejects.toThrow(
      'cannot find local etcd member "me" in SRV records',
    );
  });

  it('says which scheme does not fit where there is nobody else', async () => {
    await expect(cluster({ [secure]: [one] })).rejects.toThrow(
      'error querying DNS SRV records for _etcd-server-ssl bootstrap at https://one:2380 from DNS ' +
        'for etcd-server-ssl has scheme mismatch with expected peer http://10.0.0.1:2380; error querying',
    );
  });

  it('compares a record with the advertised URL of its address alone', async () => {
    const advertisedPeerUrls = ['http://10.0.0.1:2380', 'https://10.0.0.2:2380'];
    expect(await cluster({ [secure]: [one, two], [plain]: [one, two] }, { advertisedPeerUrls })).toBe(
      'me=https://two:2380,me=http://one:2380',
    );
  });

  it('passes over names that do not resolve, unless none does', async () => {
    const gone = { host: 'gone.', port: 1 };
    expect(await cluster({ [plain]: [gone, one] })).toBe('me=http://one:2380');
    await expect(cluster({ [plain]: [gone] })).rejects.toThrow('_etcd-server lookup gone.: no such host');
  });

  it('does not look for itself where it takes no part', async () => {
    expect(await cluster({ [plain]: [two] }, { takesPart: false })).toBe('0=http://two:2380');
  });

  it('says what it asked when DNS knows neither service', async () => {
    await expect(cluster({})).rejects.toThrow(
      `error querying DNS SRV records for _etcd-server-ssl lookup ${secure}: no such host; ` +
        `error querying DNS SRV records for _etcd-server lookup ${plain}: no such host`,
    );
  });

  it('knows itself by an advertised URL without a port, which has that of its scheme', async () => {
    const at = (port: number) => ({ host: 'one.', port });
    const plainly = { advertisedPeerUrls: ['http://10.0.0.1'] };
    expect(await cluster({ [plain]: [at(80), at(443)] }, plainly)).toBe('me=http://one:80,0=http://one:443');
    const securely = { advertisedPeerUrls: ['https://10.0.0.1'] };
    expect(await cluster({ [secure]: [at(80), at(443)] }, securely)).toBe('0=https://one:80,me=https://one:443');
  });

  it('knows itself by an IPv6 address', async () => {
    const records = { [plain]: [{ host: '::1', port: 2380 }] };
    const own = { ...options, advertisedPeerUrls: ['http://[::1]:2380'] };
    const resolving: Resolver = { services: resolver(records).services, host: async (name) => [name] };
    await expect(clusterFromSrv(own, resolving, new RecordingLogger())).resolves.toMatch(/^me=/);
  });

  it('takes a name without an address for one that is not known', async () => {
    const resolving: Resolver = { ...resolver({ [plain]: [one] }), host: async () => [] };
    const own = { ...options, advertisedPeerUrls: [] };
    await expect(clusterFromSrv(own, resolving, new RecordingLogger())).rejects.toThrow('lookup one.: no such host');
  });
});
