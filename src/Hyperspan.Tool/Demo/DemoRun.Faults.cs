using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Demo;

/// <content>Memory that goes away under the device, and what comes after.</content>
internal sealed partial class DemoRun
{
    private string Truncate()
    {
        // First it works.
        VirtioBlockDriver disk = _guest!.Disks[0];
        const ulong sector = DemoLayout.MetadataLength / RawDiskImage.SectorSize;
        _guest.Plug(_memory.Module);
        _transfer!.Count(disk.Read(sector, DemoLayout.ModuleStart, DemoLayout.StreamRequest), DemoLayout.StreamRequest, "reading into the added memory");
        byte[] bytes = new byte[DemoLayout.StreamRequest];
        byte[] expected = new byte[DemoLayout.StreamRequest];
        _memory.GuestWithModule.Read(DemoLayout.ModuleStart, bytes);
        DemoPattern.Fill(DemoLayout.MetadataLength, expected);
        Require(bytes.AsSpan().SequenceEqual(expected), "what was read into the added memory is not what was written");

        // Then it is gone. Both sides have it mapped.
        _memory.TruncateModule();
        Require(
            !_memory.GuestWithModule.TryRead(DemoLayout.ModuleStart, out ulong _, out GuestMemoryFault guestFault),
            "the guest could read memory that is gone");
        VhostUserEvent end = ProvokeDevice(disk, sector);
        Require(
            end is { Kind: VhostUserEventKind.MemoryLost, Fault.IsFault: true },
            $"the device did not report that memory is gone, but: {end}");
        GuestMemoryFault deviceFault = end.Fault!.Value;
        _report.Fault = new DemoFault(end.ToString(), deviceFault.Kind, deviceFault.Cause, deviceFault.Address, guestFault.ToString());
        return "an error instead of a crash; the device dropped the connection";
    }

    private VhostUserEvent ProvokeDevice(VirtioBlockDriver disk, ulong sector)
    {
        Require(
            disk.TrySubmitRead(sector, [new ChainSegment(DemoLayout.ModuleStart, DemoLayout.SmallRequest)], out _),
            "a queue has no room where it must have some");
        disk.Kick();
        try
        {
            BlockCompletion completion = disk.WaitForCompletion();
            throw new DemoException($"the device completed a request in memory that is gone, with status {completion.Status}");
        }
        catch (IOException)
        {
            // As it should: the device has left.
        }

        Require(_ended!.Wait(TimeSpan.FromSeconds(10), _cancellationToken), "the device did not close the connection");
        return _ended.Result;
    }

    private string Reconnect()
    {
        _guest!.Dispose();
        Connect();
        Require(ReadSuperblock() is { } found && Hex(found.DataHash) == _report.Hashes.Written, "the superblock is not what was written");
        _report.Hashes.Reconnected = Hex(_transfer!.Read(DemoLayout.MetadataLength, DemoLayout.DataLength));
        Require(_report.Hashes.Reconnected == _report.Hashes.Written, "what was read is not what was written");
        VhostUserEvent end = _guest.Leave();
        Require(end.Kind == VhostUserEventKind.Disconnected, $"the device did not see the guest leave, but: {end}");
        return "served again; superblock and SHA-256 as before";
    }

    private List<DemoRegionReport> DescribeMemory()
    {
        var all = new List<DemoRegionReport>();
        foreach (DemoRegion region in (IEnumerable<DemoRegion>)[.. _memory.Regions, _memory.Module])
        {
            List<(ulong Start, ulong Length)> touched = TouchedPages.Find(region.File, region.BackingOffset, region.Length);
            var range = new GuestRange(region.Start, region.Length);
            all.Add(new DemoRegionReport(
                region.Name,
                region.Start,
                region.Length,
                region.Sealed,
                !region.Sealed && _memory.IsModuleTruncated,
                (ulong)touched.Sum(part => (long)part.Length),
                [.. Uses().Where(use => range.Contains(use.Start))])
            {
                Touched = touched,
            });
        }

        return all;
    }

    private static IEnumerable<DemoUse> Uses()
    {
        for (int i = 0; i < DemoLayout.QueueCount; i++)
        {
            ulong rings = VirtQueueDriver.GetRequiredLength(DemoLayout.QueueSize, VirtQueueFeatures.IndirectDescriptors, DemoLayout.IndirectEntries);
            yield return new DemoUse(DemoUse.Rings, DemoLayout.Rings(i), rings);
            yield return new DemoUse(DemoUse.Headers, DemoLayout.Headers(i), VirtioBlockDriver.GetSlotsLength(DemoLayout.QueueSize));
        }

        yield return new DemoUse(DemoUse.Buffers, DemoLayout.SmallBuffers, DemoLayout.SmallBuffersLength);
        yield return new DemoUse(DemoUse.Buffers, DemoLayout.WriteBuffers, DemoLayout.StreamBuffersLength);
        yield return new DemoUse(DemoUse.Buffers, DemoLayout.ReadBuffers, DemoLayout.StreamBuffersLength);
    }
}
