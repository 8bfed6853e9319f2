// Guest memory that is unmapped, truncated and disposed under the program, which goes on.
using Hyperspan;

const ulong Page = 4096;
string path = Path.Combine(Path.GetTempPath(), $"hyperspan-sample-{Environment.ProcessId}");
File.WriteAllBytes(path, new byte[16 * (int)Page]);
try
{
    var ram = new SparseBacking(64 * Page, new SparseBackingOptions { Name = "ram" });
    ram.Commit(0, 64 * Page);
    FileBacking disk = new FileBacking(path, FileAccess.ReadWrite);

    // RAM at zero, a file at 1 MiB.
    using GuestMemory memory = new GuestMemoryBuilder("guest").AddRegion(0, ram).AddRegion(1 << 20, disk).Build();

    memory.Write(0x2ffc, 0x1122334455667788UL);
    Show("across a page", memory.TryRead(0x2ffc, out ulong value, out GuestMemoryFault fault), $"0x{value:x}", fault);

    ram.Unmap(3 * Page, Page);
    Show("after an unmap", memory.TryRead(0x2ffc, out value, out fault), $"0x{value:x}", fault);

    ram.Commit(3 * Page, Page);
    Show("mapped again", memory.TryRead(0x2ffc, out value, out fault), $"0x{value:x}", fault);

    memory.Fill(1 << 20, 0x5a, 16 * Page);
    using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
    {
        file.SetLength(5 * (int)Page);
    }

    var bytes = new byte[16 * Page];
    Show("a truncated file", memory.TryRead(1 << 20, bytes, out fault), "all 16 pages", fault);
    Show("what is left of it", memory.TryRead(1 << 20, bytes.AsSpan(0, 5 * (int)Page), out fault), "5 pages", fault);

    memory.Dispose();
    Show("after Dispose", memory.TryRead(0, out value, out fault), $"0x{value:x}", fault);
    Console.WriteLine("still running");
}
finally
{
    File.Delete(path);
}

static void Show(string what, bool done, string result, GuestMemoryFault fault) =>
    Console.WriteLine($"{what,-20} {(done ? result : fault.ToString())}");
