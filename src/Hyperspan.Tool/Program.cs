using Hyperspan.Tool;
using Hyperspan.Tool.CommandLine;

return ProcessStart.IsUsable() ? CommandTree.Run(args) : ExitCode.Failure;
