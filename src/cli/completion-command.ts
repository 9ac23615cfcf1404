/** `<program> completion <shell>`: one class for each shell, made here. */
import { differenceOf } from '../lib/emulate.js';
import { BaseCommand } from './base-command.js';
import type { Shell } from './completion-scripts.js';
import { completionScript } from './completion-scripts.js';
import { flag } from './flags.js';

const flags = { 'no-descriptions': flag.bool('complete names alone, without what they are for') };

const howTo: Readonly<Record<Shell, string>> = {
  bash:
    'For this shell:\n\n\tsource <(PROGRAM completion bash)\n\nFor every new one, put the script into a file ' +
    'that your .bashrc sources.',
  fish:
    'For this shell:\n\n\tPROGRAM completion fish | source\n\nFor every new one:\n\n\tPROGRAM completion ' +
    'fish > ~/.config/fish/completions/PROGRAM.fish',
  powershell:
    'For this shell:\n\n\tPROGRAM completion powershell | Out-String | Invoke-Expression\n\nFor every new one, ' +
    'add that line to your profile.',
  zsh:
    'For this shell:\n\n\tsource <(PROGRAM completion zsh)\n\nFor every new one, put the script into a file ' +
    '_PROGRAM in a folder of your $fpath.',
};

export function completionCommand(program: 'etcdctl' | 'etcdutl', shell: Shell): typeof BaseCommand {
  return class Completion extends BaseCommand {
    static override summary = `Print the script that completes commands in ${shell}`;
    static override description = howTo[shell].replaceAll('PROGRAM', program);
    static override usage = shell === 'bash' ? '' : '[flags]';
    static override flags = flags;
    static override readonly takesNoArgs = true;

    /** From 3.6 on the shell is an argument of one command. */
    protected override refusalOf(extra: string): string {
      if (!differenceOf('completionWantsShell', this.emulate)) return super.refusalOf(extra);
      return `accepts 1 arg(s), received ${1 + this.parsedWords().args.length}`;
    }

    override run(): Promise<void> {
      const { flags: given } = this.input({ flags });
      this.write(completionScript(shell, program, { withDescriptions: !given['no-descriptions'] }));
      return Promise.resolve();
    }
  };
}
