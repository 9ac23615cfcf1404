/** Lines of `ls`: a key itself, or what a directory holds, each directory before its own. */
import type { V2Node } from '../../client/v2/types.js';

export function listing(node: V2Node, options: { readonly marksDirectories: boolean }): string {
  return node.dir ? node.nodes.map((child) => lines(child, options)).join('') : `${node.key}\n`;
}

function lines(node: V2Node, options: { readonly marksDirectories: boolean }): string {
  const mark = node.dir && options.marksDirectories ? '/' : '';
  return `${node.key}${mark}\n${node.nodes.map((child) => lines(child, options)).join('')}`;
}
