/** Answers about keys in the three forms of `--output`. As etcd's etcdctl/ctlv2/command/format.go. */

import type { Terminal } from '../../cli/terminal.js';
import { noKeysAnswer } from '../../client/v2/errors.js';
import type { V2Node, V2Response } from '../../client/v2/types.js';
import { array, object, quoted } from '../print/go-json.js';

/** What a command about one key prints. A form that is unknown is reported on stderr, and is no error. */
export function printKey(io: Terminal, response: V2Response, format: string): void {
  const { prevNode } = response;
  switch (format) {
    case 'simple': {
      const node = nodeIn(response);
      io.stdout.write(response.action === 'delete' ? `PrevNode.Value: ${prevNode?.value ?? ''}\n` : `${node.value}\n`);
      return;
    }
    case 'extended': {
      const node = nodeIn(response);
      const lines = [
        `Key: ${node.key}`,
        `Created-Index: ${node.createdIndex}`,
        `Modified-Index: ${node.modifiedIndex}`,
        ...(prevNode === undefined ? [] : [`PrevNode.Value: ${prevNode.value}`]),
        `TTL: ${node.ttl}`,
        `Index: ${response.index}`,
        ...(response.action === 'delete' ? [] : ['', node.value]),
      ];
      io.stdout.write(`${lines.join('\n')}\n`);
      return;
    }
    case 'json':
      io.stdout.write(`${responseJson(response)}\n`);
      return;
    default:
      io.stderr.write(`Unsupported output format: ${format}\n`);
  }
}

/** Throws AnswerError where an answer has none: then it is no etcd's. */
export function nodeIn({ node }: V2Response): V2Node {
  if (node === undefined) throw noKeysAnswer();
  return node;
}

function responseJson({ action, node, prevNode }: V2Response): string {
  return object({
    action: quoted(action),
    node: node === undefined ? 'null' : nodeJson(node),
    prevNode: prevNode === undefined ? 'null' : nodeJson(prevNode),
  });
}

const nodeJson = (node: V2Node): string =>
  object({
    key: quoted(node.key),
    dir: node.dir ? 'true' : undefined,
    value: quoted(node.value),
    nodes: node.nodes.length === 0 ? 'null' : array(node.nodes, nodeJson),
    createdIndex: String(node.createdIndex),
    modifiedIndex: String(node.modifiedIndex),
    expiration: node.expiration === undefined ? undefined : quoted(node.expiration),
    ttl: node.ttl === 0 ? undefined : String(node.ttl),
  });
