/** What is said of TLS, towards clients and between members. */
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import type { TlsOptions } from '../lib/tls.js';
import type { Values } from './options.js';

/** One set of limits for both kinds of listener. */
export const limitsOf = (values: Values) => ({
  minVersion: values['tls-min-version'],
  maxVersion: values['tls-max-version'],
  cipherSuites: values['cipher-suites'],
});

const namesOf = (given: readonly string[], emulate: EmulatedVersion): readonly string[] =>
  differenceOf('hasEmptyNames', emulate) ? given.filter((name) => name !== '') : given;

export const clientTls = (values: Values, emulate: EmulatedVersion): TlsOptions => ({
  ...limitsOf(values),
  certFile: values['cert-file'],
  keyFile: values['key-file'],
  clientCertFile: values['client-cert-file'],
  clientKeyFile: values['client-key-file'],
  clientCertAuth: values['client-cert-auth'],
  trustedCaFile: values['trusted-ca-file'],
  clientCrlFile: values['client-crl-file'],
  allowedHostnames: namesOf(values['client-cert-allowed-hostname'], emulate),
  autoTls: values['auto-tls'],
});

export const peerTls = (values: Values, emulate: EmulatedVersion): TlsOptions => ({
  ...limitsOf(values),
  certFile: values['peer-cert-file'],
  keyFile: values['peer-key-file'],
  clientCertFile: values['peer-client-cert-file'],
  clientKeyFile: values['peer-client-key-file'],
  clientCertAuth: values['peer-client-cert-auth'],
  trustedCaFile: values['peer-trusted-ca-file'],
  clientCrlFile: values['peer-crl-file'],
  allowedCns: namesOf(values['peer-cert-allowed-cn'], emulate),
  allowedHostnames: namesOf(values['peer-cert-allowed-hostname'], emulate),
  autoTls: values['peer-auto-tls'],
  verifyClientSan: !values['peer-skip-client-san-verification'],
});
