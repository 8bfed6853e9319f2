using System.Globalization;
using System.Text;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <summary>What the numbers behind a failed entry and an internal error mean.</summary>
internal static unsafe class ExitReasons
{
    /// <summary>A failed entry: Intel SDM volume 3, appendix C with bit 31; AMD APM volume 2, appendix C, where -1 is VMEXIT_INVALID.</summary>
    internal static string FailedEntry(ulong reason) => reason switch
    {
        ulong.MaxValue or uint.MaxValue => "the hardware refuses the state of the guest (AMD: VMEXIT_INVALID): control registers, EFER or debug registers contradict each other",
        0x8000_0021 => "the hardware refuses the state of the guest (Intel: invalid guest state): segments, control registers or RFLAGS contradict each other",
        0x8000_0022 => "the hardware could not load the guest's model-specific registers (Intel)",
        0x8000_0029 => "a machine check came during the entry (Intel)",
        7 => "the hardware refuses the controls of the virtual machine (Intel: VM-instruction error 7)",
        8 => "the hardware refuses the state of the host (Intel: VM-instruction error 8)",
        _ => string.Create(CultureInfo.InvariantCulture, $"hardware reason 0x{reason:x}"),
    };

    internal static string Internal(KvmRun* run)
    {
        int count = (int)Math.Min(run->InternalCount, 16u);
        var text = new StringBuilder(run->InternalSubError switch
        {
            1 => "the kernel cannot emulate an instruction",
            2 => "an exception came while another one was delivered",
            3 => "the hardware left the guest while an event was delivered",
            4 => "the hardware left the guest for a reason that the kernel does not know",
            _ => string.Create(CultureInfo.InvariantCulture, $"suberror {run->InternalSubError}"),
        });

        // SAFETY: the caller's structure, of which sixteen words belong to this.
        ulong* data = run->InternalData;

        // KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES: then a length and up to 15 bytes.
        if (run->InternalSubError == 1 && count >= 3 && (data[0] & 1) != 0)
        {
            byte* bytes = (byte*)(data + 1);
            text.Append(':');
            for (int i = 0; i < Math.Min((int)bytes[0], 15); i++)
            {
                text.Append(CultureInfo.InvariantCulture, $" {bytes[1 + i]:x2}");
            }
        }
        else if (count > 0)
        {
            text.Append(" (");
            for (int i = 0; i < count; i++)
            {
                text.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : ", ")}0x{data[i]:x}");
            }

            text.Append(')');
        }

        return text.ToString();
    }
}
