using System.CommandLine;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan completion</c>: each script asks the command itself, by its <c>[suggest]</c> directive, so it never falls behind.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        _hyperspan() {
            local IFS=$'\n' word="${COMP_WORDS[COMP_CWORD]}"
            COMPREPLY=($(compgen -W "$(hyperspan "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null | grep -E -- '^[a-z]|^--')" -- "$word"))
        }
        complete -o default -F _hyperspan hyperspan
        """;

    private const string Zsh = """
        #compdef hyperspan
        _hyperspan() {
            local -a found
            found=("${(@f)$(hyperspan "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null | grep -E -- '^[a-z]|^--')}")
            if [[ -n "${found[1]}" ]]; then compadd -- "${found[@]}"; else _files; fi
        }
        if [[ "${funcstack[1]}" == _hyperspan ]]; then _hyperspan; else compdef _hyperspan hyperspan; fi
        """;

    private const string Fish = """
        function __hyperspan_complete
            set -l line (commandline --cut-at-cursor)
            hyperspan "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null | string match --regex -- '^[a-z].*|^--.*'
        end
        complete --command hyperspan --no-files --condition '__hyperspan_complete | string length --quiet' --arguments '(__hyperspan_complete)'
        """;

    internal static Command Create()
    {
        var shell = new Argument<string>("shell") { Description = "The shell: bash, zsh or fish.", HelpName = "SHELL" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new DocumentedCommand("completion", "Write the script that completes this command in a shell.")
        {
            Examples =
            [
                ("hyperspan completion bash > ~/.local/share/bash-completion/completions/hyperspan", "For bash."),
                ("hyperspan completion zsh > \"${fpath[1]}/_hyperspan\"", "For zsh."),
                ("hyperspan completion fish > ~/.config/fish/completions/hyperspan.fish", "For fish."),
            ],
            ExitCodes = [(ExitCode.Success, "written"), (ExitCode.BadInput, "wrong arguments")],
        };
        command.Add(shell);
        command.SetAction(result =>
        {
            Console.Out.WriteLine(result.GetRequiredValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish });
            return ExitCode.Success;
        });
        return command;
    }
}
