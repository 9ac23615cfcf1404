/** Whether a certificate is for the address that its owner calls from. */
import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import { refusalOfAddress } from '../../../../src/lib/os/client-address.js';

const peer = (...names: string[]) => ({
  dnsNames: names.filter((name) => isIP(name) === 0),
  addresses: names.filter((name) => isIP(name) !== 0),
  alpn: 'h2',
  commonName: 'member',
  version: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
});

describe('a certificate', () => {
  it.each([
    ['for the address', ['10.0.0.1', '127.0.0.1'], '127.0.0.1:40312'],
    ['for the address, written otherwise', ['::1'], '[0:0:0:0:0:0:0:1]:40312'],
    ['for a name that leads to it', ['localhost'], '127.0.0.1:40312'],
    ['for nobody', [], '127.0.0.1:40312'],
    ['for any address, of who calls over a unix socket', ['10.0.0.1'], '@'],
    ['for any name, of who calls over a unix socket', ['localhost'], '@'],
  ])('%s is accepted', async (_name, names, from) => {
    expect(await refusalOfAddress(peer(...names), from)).toBeUndefined();
  });

  it('for another address is refused', async () => {
    const refusal = await refusalOfAddress(peer('10.0.0.1'), '127.0.0.1:40312');
    expect(refusal).toBe('x509: certificate is valid for 10.0.0.1, not 127.0.0.1');
  });

  it('is for no address of one link', async () => {
    const refusal = await refusalOfAddress(peer('fe80::1'), '[fe80::1%eth0]:40312');
    expect(refusal).toBe('x509: certificate is valid for fe80::1, not fe80::1%eth0');
  });
});
