import { completionCommand } from '../../../src/cli/completion-command.js';

export default completionCommand('etcdctl', 'powershell');
