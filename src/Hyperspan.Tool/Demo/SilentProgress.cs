namespace Hyperspan.Tool.Demo;

/// <summary>For output that nobody watches.</summary>
internal sealed class SilentProgress : IDemoProgress
{
    public void Begin(string name, ulong total)
    {
    }

    public void Advance(ulong bytes)
    {
    }

    public void End()
    {
    }
}
