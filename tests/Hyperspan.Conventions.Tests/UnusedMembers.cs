using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Hyperspan.Conventions.Tests;

/// <summary>
/// Finds methods, properties and fields that are not public and that no code in a set of assemblies names. A member goes by its type, its name and the number of its
/// parameters: of overloads that have as many, one use counts for all. What a method does with itself does not count.
/// </summary>
internal sealed class UnusedMembers
{
    private static readonly Dictionary<int, OpCode> OpCodesByValue = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => (int)(ushort)code.Value);

    private readonly HashSet<string> _declared = new(StringComparer.Ordinal);
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);

    private UnusedMembers()
    {
    }

    /// <summary>Lists them in order, as <c>Namespace.Type::Member/parameters</c>.</summary>
    internal static string[] Find(IEnumerable<string> files)
    {
        var search = new UnusedMembers();
        foreach (string file in files)
        {
            using var executable = new PEReader(File.OpenRead(file));
            new AssemblySearch(executable, search).Run();
        }

        return [.. search._declared.Except(search._used, StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    private sealed class AssemblySearch(PEReader executable, UnusedMembers search)
    {
        private readonly MetadataReader _reader = executable.GetMetadataReader();

        internal void Run()
        {
            foreach (TypeDefinitionHandle handle in _reader.TypeDefinitions)
            {
                TypeDefinition type = _reader.GetTypeDefinition(handle);
                if (IsWritten(type, handle))
                {
                    Declare(type, NameOf(handle), IsVisible(type));
                }

                foreach (MethodDefinitionHandle method in type.GetMethods())
                {
                    Use(_reader.GetMethodDefinition(method), NameOf(method));
                }
            }

            foreach (CustomAttributeHandle attribute in _reader.CustomAttributes)
            {
                search._used.Add(NameOf(_reader.GetCustomAttribute(attribute).Constructor));
            }
        }

        /// <summary>Not of the compiler or a generator; and not the system calls, which are compiled into several assemblies that each use some.</summary>
        private bool IsWritten(TypeDefinition type, TypeDefinitionHandle handle)
        {
            string name = NameOf(handle);
            string parent = type.BaseType.IsNil ? "" : NameOf(type.BaseType);
            return name.StartsWith("Hyperspan.", StringComparison.Ordinal)
                && !name.Contains('<', StringComparison.Ordinal)
                && !name.StartsWith("Hyperspan.Interop.", StringComparison.Ordinal)
                && parent is not ("System.MulticastDelegate" or "System.Enum" or "System.Text.Json.Serialization.JsonSerializerContext")
                && !IsGenerated(type.GetCustomAttributes());
        }

        private bool IsVisible(TypeDefinition type) =>
            (type.Attributes & TypeAttributes.VisibilityMask) switch
            {
                TypeAttributes.Public => true,
                TypeAttributes.NestedPublic or TypeAttributes.NestedFamily or TypeAttributes.NestedFamORAssem =>
                    IsVisible(_reader.GetTypeDefinition(type.GetDeclaringType())),
                _ => false,
            };

        private void Declare(TypeDefinition type, string name, bool isVisible)
        {
            var accessors = new HashSet<MethodDefinitionHandle>();
            foreach (PropertyDefinition property in type.GetProperties().Select(_reader.GetPropertyDefinition))
            {
                PropertyAccessors pair = property.GetAccessors();
                MethodDefinitionHandle[] both = [.. new[] { pair.Getter, pair.Setter }.Where(accessor => !accessor.IsNil)];
                accessors.UnionWith(both);

                MethodDefinitionHandle main = both[0];
                if (!IsGenerated(property.GetCustomAttributes()) && IsToBeUsed(_reader.GetMethodDefinition(main), isVisible))
                {
                    search._declared.Add(NameOf(main));
                }
            }

            foreach (MethodDefinitionHandle handle in type.GetMethods().Where(handle => !accessors.Contains(handle)))
            {
                MethodDefinition method = _reader.GetMethodDefinition(handle);
                if (!IsGenerated(method.GetCustomAttributes()) && IsToBeUsed(method, isVisible))
                {
                    search._declared.Add(NameOf(handle));
                }
            }

            // A structure may be a layout that somebody else has made, with fields that nobody wants.
            bool isStructure = !type.BaseType.IsNil && NameOf(type.BaseType) == "System.ValueType";
            foreach (FieldDefinition field in isStructure ? [] : type.GetFields().Select(_reader.GetFieldDefinition))
            {
                string own = _reader.GetString(field.Name);
                bool isHidden = !isVisible || (field.Attributes & FieldAttributes.FieldAccessMask)
                    is FieldAttributes.Private or FieldAttributes.Assembly or FieldAttributes.FamANDAssem;
                if (isHidden && (field.Attributes & FieldAttributes.Literal) == 0 && !own.Contains('<', StringComparison.Ordinal))
                {
                    search._declared.Add($"{name}::{own}");
                }
            }
        }

        /// <summary>
        /// Whether somebody has to name it: it is not public, overrides nothing, implements nothing, and is not what begins the program or makes an object of nothing.
        /// </summary>
        private bool IsToBeUsed(MethodDefinition method, bool isVisible)
        {
            string name = _reader.GetString(method.Name);
            bool isHidden = !isVisible || (method.Attributes & MethodAttributes.MemberAccessMask)
                is MethodAttributes.Private or MethodAttributes.Assembly or MethodAttributes.FamANDAssem;
            bool isVirtual = (method.Attributes & MethodAttributes.Virtual) != 0;
            bool isNew = (method.Attributes & MethodAttributes.NewSlot) != 0 && (method.Attributes & MethodAttributes.Final) == 0;
            return isHidden
                && (!isVirtual || isNew)
                && name is not (".cctor" or "Main")
                && !(name == ".ctor" && method.GetParameters().Count == 0)
                && !name.Contains('<', StringComparison.Ordinal)
                && (name == ".ctor" || !name.Contains('.', StringComparison.Ordinal));
        }

        private bool IsGenerated(CustomAttributeHandleCollection attributes) => attributes
            .Select(handle => NameOf(_reader.GetCustomAttribute(handle).Constructor))
            .Any(name => name.Contains("CompilerGeneratedAttribute", StringComparison.Ordinal) || name.Contains("GeneratedCodeAttribute", StringComparison.Ordinal));

        private void Use(MethodDefinition method, string itself)
        {
            if (method.RelativeVirtualAddress == 0)
            {
                return;
            }

            BlobReader code = executable.GetMethodBody(method.RelativeVirtualAddress).GetILReader();
            while (code.RemainingBytes > 0)
            {
                int value = code.ReadByte();
                OpCode instruction = OpCodesByValue[value == 0xfe ? (value << 8) | code.ReadByte() : value];
                switch (instruction.OperandType)
                {
                    case OperandType.InlineNone:
                        break;
                    case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                        code.Offset += 1;
                        break;
                    case OperandType.InlineVar:
                        code.Offset += 2;
                        break;
                    case OperandType.InlineI8 or OperandType.InlineR:
                        code.Offset += 8;
                        break;
                    case OperandType.InlineSwitch:
                        int targets = code.ReadInt32();
                        code.Offset += 4 * targets;
                        break;
                    case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok:
                        string name = NameOf(MetadataTokens.EntityHandle(code.ReadInt32()));
                        if (name != itself)
                        {
                            search._used.Add(name);
                        }

                        break;
                    default:
                        code.Offset += 4;
                        break;
                }
            }
        }

        private string NameOf(EntityHandle handle)
        {
            switch (handle.Kind)
            {
                case HandleKind.TypeDefinition:
                    TypeDefinition type = _reader.GetTypeDefinition((TypeDefinitionHandle)handle);
                    return Qualified(type.GetDeclaringType(), type.Namespace, type.Name);
                case HandleKind.TypeReference:
                    TypeReference reference = _reader.GetTypeReference((TypeReferenceHandle)handle);
                    return Qualified(reference.ResolutionScope.Kind == HandleKind.TypeReference ? reference.ResolutionScope : default, reference.Namespace, reference.Name);
                case HandleKind.TypeSpecification:
                    BlobReader signature = _reader.GetBlobReader(_reader.GetTypeSpecification((TypeSpecificationHandle)handle).Signature);
                    bool isInstance = signature.ReadSignatureTypeCode() == SignatureTypeCode.GenericTypeInstance;
                    return isInstance && signature.ReadSignatureTypeCode() == SignatureTypeCode.TypeHandle ? NameOf(signature.ReadTypeHandle()) : "";
                case HandleKind.MethodDefinition:
                    MethodDefinition method = _reader.GetMethodDefinition((MethodDefinitionHandle)handle);
                    return Member(method.GetDeclaringType(), method.Name, method.Signature);
                case HandleKind.FieldDefinition:
                    FieldDefinition field = _reader.GetFieldDefinition((FieldDefinitionHandle)handle);
                    return Member(field.GetDeclaringType(), field.Name, field.Signature);
                case HandleKind.MemberReference:
                    MemberReference member = _reader.GetMemberReference((MemberReferenceHandle)handle);
                    return Member(member.Parent, member.Name, member.Signature);
                case HandleKind.MethodSpecification:
                    return NameOf(_reader.GetMethodSpecification((MethodSpecificationHandle)handle).Method);
                default:
                    return "";
            }
        }

        private string Qualified(EntityHandle outer, StringHandle space, StringHandle name) =>
            outer.IsNil ? $"{_reader.GetString(space)}.{_reader.GetString(name)}" : $"{NameOf(outer)}+{_reader.GetString(name)}";

        private string Member(EntityHandle parent, StringHandle handle, BlobHandle signature)
        {
            string name = _reader.GetString(handle);
            BlobReader blob = _reader.GetBlobReader(signature);
            SignatureHeader header = blob.ReadSignatureHeader();
            if (header.Kind == SignatureKind.Field)
            {
                return $"{NameOf(parent)}::{name}";
            }

            if (header.IsGeneric)
            {
                blob.ReadCompressedInteger();
            }

            int parameters = blob.ReadCompressedInteger();
            bool isAccessor = name.StartsWith("get_", StringComparison.Ordinal) || name.StartsWith("set_", StringComparison.Ordinal);
            return $"{NameOf(parent)}::{(isAccessor ? name[4..] : name)}/{(name.StartsWith("set_", StringComparison.Ordinal) ? parameters - 1 : parameters)}";
        }
    }
}
