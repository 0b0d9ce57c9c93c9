import { fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import { newCommand } from './command.ts'
import { type Shell, completionScript, shells } from './completion/script.ts'
import type { Session } from './session.ts'

const howTo: Readonly<Record<Shell, string>> = Object.freeze({
  bash: "echo 'source <(provender completion bash)' >> ~/.bashrc",
  zsh: "echo 'source <(provender completion zsh)' >> ~/.zshrc   (after compinit)",
  fish: 'provender completion fish > ~/.config/fish/completions/provender.fish',
  powershell: 'provender completion powershell >> $PROFILE',
})

/** `completion`: the script by which a shell completes commands, options and names. */
export function completionCommand(session: Session) {
  return newCommand('completion')
    .description('Print the script by which a shell completes commands, options, and the names of the registry.')
    .argument('<shell>', shells.join(', '), shellOf)
    .action(async (shell) => {
      const script = await completionScript(shell, 'provender')
      // Not when a shell reads it, each time that it starts.
      const next = session.terminal.out.isTerminal ? howTo[shell] : undefined
      await session.print({ json: { shell, script }, text: () => script, next })
    })
}

function shellOf(text: string): Shell {
  const shell = shells.find((each) => each === text)
  if (shell !== undefined) return shell
  const near = nearest(text, shells)
  throw fail('USAGE', `There is no completion for the shell "${text}"`, {
    remedy: near === undefined ? `The shells: ${shells.join(', ')}.` : `Did you mean ${near}?`,
  })
}
