/** The shells that a script can be written for. */
export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const
export type Shell = (typeof shells)[number]

/**
 * The script that makes a shell ask `provender complete -- WORDS…` at Tab.
 * @param name the command as it is typed
 */
export async function completionScript(shell: Shell, name: string): Promise<string> {
  if (shell === 'bash') return bashScript(name)
  const { script } = await import('@bomb.sh/tab')
  return printed(() => script(shell, name, name))
}

/** The library prints its scripts. */
function printed(print: () => void): string {
  const { log } = console
  let text = ''
  console.log = (...parts: unknown[]): void => void (text += `${parts.map(String).join(' ')}\n`)
  try {
    print()
  } finally {
    console.log = log
  }
  return text
}

/**
 * The library's own script for bash needs the package bash-completion, runs what is typed through `eval`, and fails when it is
 * sourced twice. Bash takes `:` and `=` for ends of words: only what comes after the last one is replaced.
 */
const bashScript = (name: string): string => `# bash completion for ${name}:  source <(${name} completion bash)
_${name}_completion() {
  local line word piece prefix answer value directive=4
  local -a words
  COMPREPLY=()
  line="\${COMP_LINE:0:COMP_POINT}"
  read -ra words <<< "$line"
  word="\${line##*[[:space:]]}"
  [[ -z "$word" ]] && words+=("")
  piece="\${COMP_WORDS[COMP_CWORD]}"
  [[ "$piece" == [:=] ]] && piece=""
  prefix="\${word%"$piece"}"
  answer="$("\${words[0]}" complete -- "\${words[@]:1}" 2>/dev/null)" || return 0
  while IFS= read -r value; do
    if [[ "$value" =~ ^:([0-9]+)$ ]]; then directive="\${BASH_REMATCH[1]}"; continue; fi
    value="\${value%%$'\\t'*}"
    [[ -n "$value" ]] && COMPREPLY+=("\${value#"$prefix"}")
  done <<< "$answer"
  if type compopt > /dev/null 2>&1; then
    if (( directive & 2 )); then compopt -o nospace 2> /dev/null; fi
    if (( directive & 4 )); then compopt +o default 2> /dev/null; fi
  fi
  return 0
}
complete -o default -F _${name}_completion ${name}
`
