using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

using Hyperspan.Tool.Run;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan run</c></summary>
internal static class RunCommand
{
    private const ulong DefaultMemory = 512UL << 20;
    private const ulong LeastMemory = 2UL << 20;
    private const int MostProcessors = 255;
    private const int MostDisks = 16;

    internal static Command Create()
    {
        var kernel = new Option<string?>("--kernel")
        {
            Description = "What the machine starts: a Linux kernel as it is installed (vmlinuz), an ELF file, or bytes that begin with their first instruction.",
            HelpName = "FILE",
        };
        var restore = new Option<string?>("--restore")
        {
            Description = "A machine that --save has saved: it goes on from there, with the disks given again. Its memory comes as it is touched.",
            HelpName = "FILE",
        };
        var save = new Option<string?>("--save")
        {
            Description = "Where the machine is saved when this is asked to end (Ctrl-C, SIGTERM): to go on later with --restore.",
            HelpName = "FILE",
        };
        var initrd = new Option<string?>("--initrd") { Description = "The initial file system of a Linux kernel.", HelpName = "FILE" };
        var append = new Option<string>("--append")
        {
            Description = "The kernel's command line. The serial console is ttyS0.",
            HelpName = "TEXT",
            DefaultValueFactory = static _ => "console=ttyS0",
        };
        var memory = new Option<ulong>("--memory")
        {
            Description = "The amount of memory: a number of bytes, or with K, M, G or T behind it. What the guest does not touch takes none.",
            HelpName = "SIZE",
            DefaultValueFactory = static _ => DefaultMemory,
            CustomParser = ParseSize,
        };
        var processors = new Option<int>("--processors")
        {
            Description = "How many processors: 1 to 255.",
            HelpName = "N",
            DefaultValueFactory = static _ => 1,
        };
        var disk = new Option<string[]>("--disk")
        {
            Description = "A raw disk image, a file or a block device, with ',readonly' behind it where the guest must not write. May come up to 16 times.",
            HelpName = "FILE[,readonly]",
        };
        Option<string> console = ConsoleArgument.Create("the serial console");
        Option<string?> virtioConsole = ConsoleArgument.Create<string?>("--virtio-console", "a virtio console (hvc0)");
        var noReboot = new Option<bool>("--no-reboot") { Description = "End where the guest asks to start again." };
        var statistics = new Option<bool>("--statistics") { Description = "Say at the end how often the processors left their guest, and why." };
        processors.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: string text }] && int.TryParse(text, CultureInfo.InvariantCulture, out int count) && count is < 1 or > MostProcessors)
            {
                result.AddError($"--processors: {count} is not from 1 to {MostProcessors}.");
            }
        });
        disk.Validators.Add(result =>
        {
            if (result.Tokens.Count > MostDisks)
            {
                result.AddError($"--disk: {result.Tokens.Count} are more than {MostDisks}.");
            }
        });

        virtioConsole.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: ConsoleEndPoint.Standard }] && (result.GetResult(console)?.Tokens is not [{ Value: var other }] || other == ConsoleEndPoint.Standard))
            {
                result.AddError("--virtio-console: the serial console is on standard input and output already; say where --console leads.");
            }
        });

        restore.Validators.Add(result =>
        {
            foreach (Option other in (Option[])[kernel, initrd, append, memory, processors])
            {
                if (result.GetResult(other) is { Implicit: false })
                {
                    result.AddError($"--restore: {other.Name} is what the saved machine says.");
                }
            }
        });

        var command = new DocumentedCommand("run", "Run a virtual machine on KVM: a stock Linux kernel, or a small program.")
        {
            Examples =
            [
                ("hyperspan run --kernel /boot/vmlinuz-6.1.0 --initrd initrd.img --disk disk.img", "Boot a kernel with a disk, on this terminal. Ctrl-C stops it."),
                ("hyperspan run --kernel vmlinuz --initrd initrd.img --append 'console=ttyS0 panic=-1' --memory 2G --processors 2 --no-reboot", "Two processors; a panic ends it."),
                ("hyperspan run --kernel vmlinuz --initrd initrd.img --disk disk.img --save machine.snapshot", "Ctrl-C saves the machine."),
                ("hyperspan run --restore machine.snapshot --disk disk.img", "It goes on."),
                ("hyperspan run --kernel hello.bin", "Run a program of a few instructions, from 0x100000 on in long mode."),
            ],
            ExitCodes =
            [
                (ExitCode.Success, "the guest turned the machine off, or asked to start again with --no-reboot or --restore; or the machine was saved"),
                (ExitCode.Failure, "a processor could not go on, a disk could not be flushed, or the machine could not be saved"),
                (ExitCode.BadInput, "wrong arguments, kernel or disk, no KVM, too much memory: one line says why"),
                (ExitCode.Interrupted, "ended by Ctrl-C, SIGTERM or SIGHUP, as if the plug were pulled: what was in flight is finished, the disks are flushed"),
            ],
        };
        foreach (Option option in (Option[])[kernel, restore, save, initrd, append, memory, processors, disk, console, virtioConsole, noReboot, statistics])
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            if (result.GetResult(kernel) is null && result.GetResult(restore) is null)
            {
                result.AddError("--kernel or --restore says what is run.");
            }
        });
        command.SetAction(result => Run(new RunOptions
        {
            Kernel = result.GetValue(kernel),
            Restore = result.GetValue(restore),
            Save = result.GetValue(save),
            Initrd = result.GetValue(initrd),
            Append = result.GetValue(append)!,
            Memory = result.GetValue(memory),
            Processors = result.GetValue(processors),
            Disks = result.GetValue(disk) ?? [],
            Console = result.GetValue(console)!,
            VirtioConsole = result.GetValue(virtioConsole),
            NoReboot = result.GetValue(noReboot),
            Statistics = result.GetValue(statistics),
        }));
        return command;
    }

    private static int Run(RunOptions options)
    {
        using var run = new GuestRun(options);
        return run.Run();
    }

    private static ulong ParseSize(ArgumentResult result)
    {
        string text = result.Tokens is [{ Value: string value }] ? value : "";
        if (!Sizes.TryParseAny(text, out ulong size))
        {
            result.AddError($"--memory: '{text}' is no size such as 512M.");
            return 0;
        }

        if (size < LeastMemory || size % GuestAddress.PageSize != 0)
        {
            result.AddError($"--memory: '{text}' is less than 2M, or no multiple of 4096.");
        }

        return size;
    }
}
