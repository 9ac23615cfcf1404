/**
 * The authorities that this machine trusts, where those looked for are that Go programs look for (crypto/x509,
 * root_linux.go): `SSL_CERT_FILE`, or the first of the distributions' files that is there, and what is in the folders
 * of `SSL_CERT_DIR`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

let known: { readonly file: string; readonly folders: string; readonly bundle: string | undefined } | undefined;

/** PEM; read once for what the variables say. undefined where the machine names none, and Node's own count. */
export function systemAuthorities(): string | undefined {
  const { SSL_CERT_FILE: file = '', SSL_CERT_DIR: folders = '' } = process.env;
  if (known?.file !== file || known.folders !== folders) known = { file, folders, bundle: readBundle(file, folders) };
  return known.bundle;
}

function readBundle(file: string, folders: string): string | undefined {
  const found = (file === '' ? FILES : [file]).map(textOf).find((text) => text !== '') ?? '';
  const more = folders.split(':').filter((folder) => folder !== '');
  const bundle = [found, ...more.flatMap(textsIn)].join('\n');
  return bundle.includes('-----BEGIN CERTIFICATE-----') ? bundle : undefined;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function textsIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => textOf(join(folder, name)));
  } catch {
    return [];
  }
}
