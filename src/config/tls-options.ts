/** What is said of TLS, towards clients and between members. */
import type { TlsOptions } from '../lib/tls.js';
import type { Values } from './options.js';

/** One set of limits for both kinds of listener. */
export const limitsOf = (values: Values) => ({
  minVersion: values['tls-min-version'],
  maxVersion: values['tls-max-version'],
  cipherSuites: values['cipher-suites'],
});

export const clientTls = (values: Values): TlsOptions => ({
  ...limitsOf(values),
  certFile: values['cert-file'],
  keyFile: values['key-file'],
  clientCertFile: values['client-cert-file'],
  clientKeyFile: values['client-key-file'],
  clientCertAuth: values['client-cert-auth'],
  trustedCaFile: values['trusted-ca-file'],
  clientCrlFile: values['client-crl-file'],
  allowedHostnames: values['client-cert-allowed-hostname'],
  autoTls: values['auto-tls'],
});

export const peerTls = (values: Values): TlsOptions => ({
  ...limitsOf(values),
  certFile: values['peer-cert-file'],
  keyFile: values['peer-key-file'],
  clientCertFile: values['peer-client-cert-file'],
  clientKeyFile: values['peer-client-key-file'],
  clientCertAuth: values['peer-client-cert-auth'],
  trustedCaFile: values['peer-trusted-ca-file'],
  clientCrlFile: values['peer-crl-file'],
  allowedCns: values['peer-cert-allowed-cn'],
  allowedHostnames: values['peer-cert-allowed-hostname'],
  autoTls: values['peer-auto-tls'],
  verifyClientSan: !values['peer-skip-client-san-verification'],
});
