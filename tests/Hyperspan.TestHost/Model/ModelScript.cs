namespace Hyperspan.TestHost.Model;

/// <summary>How the regions of a world lie.</summary>
public enum ModelLayout
{
    OneRegion,
    Touching,
    Strict,
    Gaps,
    ShownTwice,
    TopOfAddressSpace,
    Protected,
    OddStart,
}

/// <summary>A world and what is done in it.</summary>
public sealed record ModelScript(ModelLayout Layout, IReadOnlyList<BackingKind> Kinds, IReadOnlyList<ModelCommand> Commands)
{
    public override string ToString() =>
        $"{Layout} over {string.Join(", ", Kinds)}:\n  " + string.Join("\n  ", Commands);

    /// <summary>Runs it and returns a digest of everything that the memories answered.</summary>
    public ulong Run()
    {
        using var world = new ModelWorld(Layout, Kinds);
        for (int i = 0; i < Commands.Count; i++)
        {
            try
            {
                world.Do(Commands[i]);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                throw new ModelFailureException($"step {i}, {Commands[i]}: {(e is ModelFailureException ? e.Message : e)}\n{this}");
            }
        }

        world.End();
        return world.Digest;
    }
}
