/**
 * Scripts that teach a shell to complete a program's commands. Each asks the program itself (`__complete`), so a script
 * stays right when commands change. They need nothing but the shell: the one for bash works without the bash-completion
 * package.
 */
export const shells = ['bash', 'fish', 'powershell', 'zsh'] as const;
export type Shell = (typeof shells)[number];

export function completionScript(shell: Shell, program: string, options: { withDescriptions: boolean }): string {
  const ask = options.withDescriptions ? '__complete' : '__completeNoDesc';
  return scripts[shell](program, ask);
}

const scripts: Readonly<Record<Shell, (program: string, ask: string) => string>> = {
  bash: (program, ask) => `# bash completion for ${program}

__${program}_complete() {
    local typed answer line
    local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
    typed="\${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=()
    answer="$("\${COMP_WORDS[0]}" ${ask} "\${words[@]}" 2>/dev/null)" || return 0
    while IFS= read -r line; do
        line="\${line%%$'\\t'*}"
        if [[ -n "$line" && "$line" == "$typed"* ]]; then
            COMPREPLY+=("$line")
        fi
    done <<< "$answer"
}

complete -o default -F __${program}_complete ${program}
`,
  zsh: (program, ask) => `#compdef ${program}
# zsh completion for ${program}

_${program}() {
    local -a candidates
    local line
    while IFS= read -r line; do
        [[ -n "$line" ]] && candidates+=("\${\${line//:/\\\\:}/$'\\t'/:}")
    done < <("\${words[1]}" ${ask} "\${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( \${#candidates} )); then
        _describe '${program}' candidates
    else
        _files
    fi
}

if [[ "$funcstack[1]" == "_${program}" ]]; then
    _${program}
else
    compdef _${program} ${program}
fi
`,
  fish: (program, ask) => `# fish completion for ${program}

function __${program}_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] ${ask} $words[2..-1] 2>/dev/null
end

complete -c ${program} -f -a '(__${program}_complete)'
`,
  powershell: (program, ask) => `# powershell completion for ${program}

Register-ArgumentCompleter -Native -CommandName '${program}' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
    if ($wordToComplete -eq '') { $words += '""' }
    & '${program}' ${ask} @words 2>$null | ForEach-Object {
        $text, $summary = $_ -split "\`t", 2
        if (-not $summary) { $summary = $text }
        [System.Management.Automation.CompletionResult]::new($text, $text, 'ParameterValue', $summary)
    }
}
`,
};
