using System.Collections.Concurrent;
using Hyperspan.Synchronization;

namespace Hyperspan.Tests.Synchronization;

/// <summary>Tests of the RCU domain count slots and threads of the process, so they run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class RcuTests
{
    public const string Name = "RCU";
}

/// <summary>A thread that enters and leaves sections on command; each call returns when it has been done.</summary>
internal sealed class RcuWorker : IDisposable
{
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly BlockingCollection<Action?> _commands = [];
    private readonly BlockingCollection<Exception?> _results = [];
    private readonly Thread _thread;
    private int _depth;

    internal RcuWorker(string? name = null)
    {
        _thread = new Thread(Loop) { Name = name, IsBackground = true };
        _thread.Start();
    }

    internal int ThreadId => _thread.ManagedThreadId;

    internal void Do(Action action) => Send(() =>
    {
        Exception? error = null;
        try
        {
            action();
        }
        catch (Exception e)
        {
            error = e;
        }

        _results.Add(error);
    });

    internal void Enter(RcuDomain domain)
    {
        _depth++;
        Send(() =>
        {
            using (domain.Enter())
            {
                _results.Add(null);
                Loop();
            }

            _results.Add(null);
        });
    }

    internal void Leave()
    {
        _depth--;
        Send(null);
    }

    public void Dispose()
    {
        while (_depth > 0)
        {
            Leave();
        }

        _commands.Add(null);
        _thread.Join(Patience).ShouldBeTrue();
        _commands.Dispose();
        _results.Dispose();
    }

    private void Send(Action? command)
    {
        _commands.Add(command);
        _results.TryTake(out Exception? error, Patience).ShouldBeTrue();
        if (error is not null)
        {
            throw new InvalidOperationException("The command failed on its thread.", error);
        }
    }

    private void Loop()
    {
        while (_commands.Take() is { } command)
        {
            command();
        }
    }
}
