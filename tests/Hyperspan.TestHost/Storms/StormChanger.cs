namespace Hyperspan.TestHost.Storms;

/// <summary>Maps, unmaps, protects, commits, decommits and truncates.</summary>
internal sealed class StormChanger(StormCrew crew, int seed) : StormWorker("change", crew, seed)
{
    public override void Work(StormWorld world)
    {
        ulong first = (ulong)Random.Next((int)StormWorld.SparsePages);
        ulong offset = first * StormWorld.Page;
        ulong length = (1 + (ulong)Random.Next((int)(StormWorld.SparsePages - first))) * StormWorld.Page;
        try
        {
            switch (Random.Next(10))
            {
                case 0:
                    world.Sparse.Decommit(offset, length);
                    break;
                case 1:
                    world.Sparse.Unmap(offset, length);
                    break;
                case 2:
                    world.Sparse.MapZero(offset, length);
                    break;
                case 3:
                    world.Sparse.Protect(offset, length, Random.Next(2) == 0 ? Protection.Read : Protection.None);
                    break;
                case 4:
                    world.Sparse.MapFile(offset, world.File, 0, Math.Min(length, StormWorld.FilePages * StormWorld.Page), writable: true);
                    break;
                case 5:
                    world.Truncate((ulong)Random.Next((int)StormWorld.FilePages + 1));
                    break;
                case 6:
                    world.Truncate(StormWorld.FilePages);
                    break;
                default:
                    world.Sparse.Commit(offset, length);
                    break;
            }

            Succeeded("change", right: true);
        }
        catch (InvalidOperationException)
        {
            // A page is locked, is a file's, is not mapped; or the world has ended.
            Failed();
        }
    }
}
