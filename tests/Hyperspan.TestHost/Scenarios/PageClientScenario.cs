using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// What a monitor does whose guest's pages another process brings: memory with a userfaultfd, handed over with a list of mappings; then every page is read, while garbage is
/// collected, and one is discarded. The arguments: the path of the socket, and how many pages, which hold their own numbers but each third; and how often it forks first, each of
/// which hands whoever reads the userfaultfd a descriptor; or "replace": then a page that a thread waits for becomes memory of its own, before anybody brings it, and that is all.
/// </summary>
public sealed unsafe class PageClientScenario : IScenario
{
    private const ulong FeatureEventFork = 1 << 1;
    private const ulong FeatureEventRemove = 1 << 3;

    public string Name => "page-client";

    public int Run(string[] arguments)
    {
        ulong pages = ulong.Parse(arguments[1], CultureInfo.InvariantCulture);
        bool replaces = arguments is [_, _, "replace"];
        int forks = arguments.Length > 2 && !replaces ? int.Parse(arguments[2], CultureInfo.InvariantCulture) : 0;
        var mapping = new SparseBacking(pages * 4096, new SparseBackingOptions { FaultBehavior = FaultBehavior.MayBlock });
        mapping.Commit(0, pages * 4096);
        using var memory = new GuestMemory(mapping, "guest");
        int hostPage = Environment.SystemPageSize;
        int number = LibC.Userfaultfd(OpenFlags.CloseOnExec | OpenFlags.NonBlocking);
        using var descriptor = new SafeFileHandle(number, ownsHandle: true);
        ulong* api = stackalloc ulong[] { LinuxConstants.UFFD_API, forks > 0 ? FeatureEventRemove | FeatureEventFork : FeatureEventRemove, 0 };
        if (number < 0 || LibC.Ioctl(descriptor, LinuxConstants.UFFDIO_API, api) != 0)
        {
            Console.WriteLine("userfaultfd for accesses by the kernel is refused");
            return ScenarioExit.Unavailable;
        }

        // A monitor maps whole pages of its system; the guest's memory may end within the last.
        ulong length = PageMath.RoundUp(mapping.Length, (ulong)hostPage);
        ulong* register = stackalloc ulong[] { (ulong)mapping.Mapping, length, LinuxConstants.UFFDIO_REGISTER_MODE_MISSING, 0 };
        if (LibC.Ioctl(descriptor, LinuxConstants.UFFDIO_REGISTER, register) != 0)
        {
            Console.WriteLine($"the mapping is not watched: {Marshal.GetLastPInvokeErrorMessage()}");
            return ScenarioExit.Failure;
        }

        Thread? waiting = replaces ? Replace(memory, mapping.Mapping, descriptor) : null;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(arguments[0]));
        Send(socket, descriptor, string.Create(
            CultureInfo.InvariantCulture,
            $"[{{\"base_host_virt_addr\":{(ulong)mapping.Mapping},\"size\":{length},\"offset\":0,\"page_size\":{hostPage},\"page_size_kib\":{hostPage}}}]"));
        if (waiting is not null)
        {
            bool isWoken = waiting.Join(TimeSpan.FromSeconds(20));
            Console.WriteLine(isWoken ? "woken" : "still waiting");
            return isWoken ? ScenarioExit.Success : ScenarioExit.Failure;
        }

        Fork(forks);
        for (ulong page = 0; page < pages; page++)
        {
            if (page % 100 == 0)
            {
                GC.Collect();
            }

            if (!memory.TryRead((page * 4096) + 8, out ulong value, out GuestMemoryFault fault) || value != (page % 3 == 0 ? 0 : page))
            {
                Console.WriteLine($"page {page} holds {value}: {fault}");
                return ScenarioExit.Failure;
            }
        }

        // What a balloon takes away is zero when it comes back.
        if (LibC.Madvise(mapping.Mapping + hostPage, (nuint)hostPage, MemoryAdvice.DontNeed) != 0 || memory.Read<ulong>((ulong)hostPage + 8) != 0)
        {
            Console.WriteLine("the discarded page is not zero");
            return ScenarioExit.Failure;
        }

        return ScenarioExit.Success;
    }

    /// <summary>Has a thread wait for the first page, and puts other memory in its place.</summary>
    private static Thread Replace(GuestMemory memory, byte* mapping, SafeFileHandle descriptor)
    {
        var waiting = new Thread(() => memory.Read<ulong>(8)) { IsBackground = true };
        waiting.Start();
        var entry = new PollEntry { Descriptor = (int)descriptor.DangerousGetHandle(), Events = PollEvents.In };
        while (LibC.Poll(&entry, 1, 1000) <= 0)
        {
        }

        _ = LibC.Mmap(
            mapping, (nuint)Environment.SystemPageSize, MappingProtection.ReadWrite, MappingFlags.Private | MappingFlags.Anonymous | MappingFlags.Fixed, -1, 0);
        return waiting;
    }

    /// <summary>Makes children that end at once, by calls that need nothing of the runtime, which has one thread in them.</summary>
    private static void Fork(int times)
    {
        nint library = NativeLibrary.Load("libc");
        var fork = (delegate* unmanaged[SuppressGCTransition]<int>)NativeLibrary.GetExport(library, "fork");
        var exit = (delegate* unmanaged[SuppressGCTransition]<int, void>)NativeLibrary.GetExport(library, "_exit");
        for (int i = 0; i < times; i++)
        {
            if (fork() == 0)
            {
                exit(0);
            }
        }
    }

    private static void Send(Socket socket, SafeFileHandle descriptor, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        byte* control = stackalloc byte[ControlHeader.SpaceFor(1)];
        new Span<byte>(control, ControlHeader.SpaceFor(1)).Clear();
        var header = (ControlHeader*)control;
        header->Length = ControlHeader.Size + sizeof(int);
        header->Level = LinuxConstants.SOL_SOCKET;
        header->Type = LinuxConstants.SCM_RIGHTS;
        *(int*)(control + ControlHeader.Size) = (int)descriptor.DangerousGetHandle();
        fixed (byte* start = bytes)
        {
            IoVector part = new(start, (nuint)bytes.Length);
            SocketMessage message = new() { Parts = &part, PartCount = 1, Control = control, ControlLength = (ulong)ControlHeader.SpaceFor(1) };
            LibC.Sendmsg(socket.SafeHandle, &message, MessageFlags.NoSignal);
        }
    }
}
