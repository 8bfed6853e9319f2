using Hyperspan.Tool.CommandLine;

return CommandTree.Run(args);
